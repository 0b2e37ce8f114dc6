"""The whole way through real processes, with nothing killed: the measure for all that is."""

import pytest

from tests.system.stack import Stack
from tests.system.story import Story, finish

pytestmark = pytest.mark.slow


def test_it_works(stack: Stack) -> None:
    finish(Story(stack).pay(), within=60)
