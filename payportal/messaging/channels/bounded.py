"""A call that is over in time, and that knows whether anything of the message can have left the house."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from django.conf import settings

from payportal.messaging.channels.base import NotSent, SendUnknown

Result = TypeVar("Result")
# Two calls, a picture's and its message's, end within the lease of a claim (35 s).
LONGEST_CALL_SECONDS = 15.0


def longest() -> float:
    """How many seconds a call may take, however the parts of it are spread."""
    return min(1.5 * settings.CARRIER_TIMEOUT_SECONDS, LONGEST_CALL_SECONDS)


class Abandoned(Exception):
    """The caller has stopped waiting: nothing may be begun any more."""


class Attempt(Generic[Result]):
    """One call, made on a thread of its own.

    A time-out of a socket is for each read and each address of a host, and none holds for the look-up of a name: a far
    side that gives a byte at a time could keep a worker longer than its claim lasts. Here the caller goes its way at
    the deadline. Until ``begin`` is called nothing can have been sent, whatever goes wrong; a caller that has gone lets
    nothing begin, so that what was called not sent is not sent a moment later.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.on_abandon: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._begun = False
        self._abandoned = False
        self._result: list[Result] = []
        self._error: Exception | None = None

    def begin(self) -> None:
        """Say that the message goes out from here on. Raises Abandoned when nobody waits for it any more."""
        with self._lock:
            if self._abandoned:
                raise Abandoned
            self._begun = True

    def run(self, work: Callable[[], Result]) -> Result:
        """What ``work`` returns or raises. A deadline that passes is NotSent before ``begin`` and SendUnknown after."""
        thread = threading.Thread(target=self._work, args=(work,), daemon=True, name="carrier")
        thread.start()
        thread.join(self.seconds)
        if thread.is_alive():
            self._leave()
            raise self.failure("no answer in time")
        if self._error is not None:
            raise self._error
        return self._result[0]

    def failure(self, text: str) -> NotSent | SendUnknown:
        """What a failure at this moment means. The text names no person and no address."""
        with self._lock:
            return SendUnknown(text) if self._begun else NotSent(text)

    def _work(self, work: Callable[[], Result]) -> None:
        try:
            self._result.append(work())
        except Exception as error:
            self._error = error

    def _leave(self) -> None:
        with self._lock:
            self._abandoned = True
        try:
            self.on_abandon()
        except OSError:
            # It ended by itself meanwhile.
            pass
