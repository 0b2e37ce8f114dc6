"""Whole transactions, repeated when PostgreSQL had to undo them."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

# PostgreSQL, Appendix A: serialization_failure and deadlock_detected.
RETRYABLE = {"40001", "40P01"}
ATTEMPTS = 5


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code for what went wrong, if it said one."""
    return getattr(error.__cause__, "sqlstate", None)


def whole(function: Callable[P, R]) -> Callable[P, R]:
    """Run the function in one transaction, again from its beginning after a deadlock or serialization failure.

    Inside somebody else's transaction it runs once: only the outermost can be repeated.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            return function(*args, **kwargs)
        for attempt in range(ATTEMPTS):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except OperationalError as error:
                if sqlstate(error) not in RETRYABLE or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))
        raise AssertionError("unreachable")

    return run
