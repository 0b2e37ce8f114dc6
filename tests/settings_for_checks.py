"""payportal's settings in the tests' environment, for tools that read settings and start nothing (mypy's plugin)."""

import os

from tests import environment

for _name, _value in {**environment.FIXED, **environment.NO_SERVICES}.items():
    os.environ.setdefault(_name, _value)

from payportal.settings import *  # noqa: E402, F403 (the environment comes first)
