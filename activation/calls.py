"""Calls to the network, several at once, and none waited for too long.

A worker sees to webhooks and messages as well. An adapter promises to be back within seconds; whatever breaks that
promise (a name that is looked up for ever, a network that gives a byte at a time) costs a thread and not the worker.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# Answers that come so soon after one another came together: written in one transaction, eight cost what two cost.
TOGETHER_SECONDS = 0.005

# A batch without any answer that took so long was waited for; a network that refuses at once keeps nobody.
WAITED_SECONDS = 3.0
# One lost answer says nothing of the network; several in a row do.
IN_VAIN_LIMIT = 2
# For so long this process then leaves the network alone, and does what else there is.
QUIET_SECONDS = 20.0


class Calls(Generic[Asked, Answer]):
    """Calls of one function on threads of their own, which neither touch the database nor keep the process alive.

    ``call`` must not raise. With a call that did not come back in time a thread is lost: make a new one of these.
    """

    def __init__(self, call: Callable[[Asked], Answer], at_once: int) -> None:
        self._call = call
        self._at_once = at_once
        self._threads = 0
        self._asked: SimpleQueue[Asked | None] = SimpleQueue()
        self._answered: SimpleQueue[tuple[Asked, Answer]] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._threads):
            self._asked.put(None)

    def answers(self, asked: Sequence[Asked], seconds: float) -> Iterator[list[tuple[Asked, Answer]]]:
        """What comes, those together that came together; over when all have come or the time is up."""
        while self._threads < min(len(asked), self._at_once):
            self._threads += 1
            Thread(target=self._work, daemon=True, name="network").start()
        for each in asked:
            self._asked.put(each)
        deadline = time.monotonic() + seconds
        left = len(asked)
        while left and (came := self._came(left, max(0.0, deadline - time.monotonic()))):
            left -= len(came)
            yield came

    def _came(self, left: int, seconds: float) -> list[tuple[Asked, Answer]]:
        """The first of those left, and what comes so soon after it; nothing when the time is up."""
        came: list[tuple[Asked, Answer]] = []
        try:
            came.append(self._answered.get(timeout=seconds))
            until = time.monotonic() + TOGETHER_SECONDS
            while len(came) < left:
                came.append(self._answered.get(timeout=max(0.0, until - time.monotonic())))
        except Empty:
            pass
        return came

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            self._answered.put((asked, self._call(asked)))


@dataclass
class Quiet:
    """How often in a row this process waited for the network in vain, and until when it leaves it alone.

    Kept in the process, as a broker's silence is (billing.waking): whoever asks in vain is the one to stop asking.
    """

    in_vain: int = 0
    until: float = 0.0

    def is_kept(self) -> bool:
        return time.monotonic() < self.until

    def heard(self, is_answered: bool, seconds: float) -> None:
        """A batch is over that took so long, with or without a single answer."""
        if is_answered:
            self.in_vain = 0
        elif seconds >= WAITED_SECONDS:
            self.in_vain += 1
            if self.in_vain >= IN_VAIN_LIMIT:
                self.until = time.monotonic() + QUIET_SECONDS

    def forget(self) -> None:
        """Begin anew."""
        self.in_vain, self.until = 0, 0.0
