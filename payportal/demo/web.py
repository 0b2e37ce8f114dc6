"""gunicorn's settings in the demo: production's, and workers that die with their master."""

import signal
from typing import Any

from payportal.demo.children import die_with_parent
from payportal.gunicorn import *  # noqa: F403


def post_fork(server: Any, worker: Any) -> None:
    """Called by gunicorn in each new worker; ``worker.ppid`` is the master that forked it."""
    die_with_parent(signal.SIGKILL, worker.ppid)
