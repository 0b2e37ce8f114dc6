"""Calls that are over in time, and what is known of a message when one is cut short."""

import threading

import pytest

from payportal.messaging.channels.base import NotSent, SendUnknown
from payportal.messaging.channels.bounded import Abandoned, Attempt


def test_it_works() -> None:
    attempt: Attempt[str] = Attempt(5)
    assert attempt.run(lambda: "done") == "done"


def test_what_goes_wrong_is_raised_where_the_call_was_made() -> None:
    attempt: Attempt[str] = Attempt(5)
    with pytest.raises(KeyError):
        attempt.run(lambda: {}["x"])


def test_a_deadline_before_the_message_went_out_means_that_it_never_will() -> None:
    """The thread is still there: it must not send a moment after the caller was told that nothing was sent."""
    attempt: Attempt[None] = Attempt(0.05)
    go_on, ended = threading.Event(), threading.Event()
    went_out: list[bool] = []

    def work() -> None:
        go_on.wait(10)
        try:
            attempt.begin()
            went_out.append(True)
        except Abandoned:
            ended.set()

    with pytest.raises(NotSent):
        attempt.run(work)
    go_on.set()
    assert ended.wait(10)
    assert went_out == []


def test_a_deadline_after_it_leaves_it_unknown_and_ends_the_call() -> None:
    attempt: Attempt[None] = Attempt(0.05)
    ended = threading.Event()
    attempt.on_abandon = ended.set

    def work() -> None:
        attempt.begin()
        ended.wait(10)

    with pytest.raises(SendUnknown):
        attempt.run(work)
    assert ended.is_set()
