"""Work that ends in time: a sweep stops before its worker is killed, and the next one goes on."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, things: Iterable[T]) -> Iterator[T]:
    """The things one after the other, until so many seconds have gone by; the one at hand is finished."""
    begun = time.monotonic()
    for thing in things:
        if time.monotonic() - begun > seconds:
            return
        yield thing
