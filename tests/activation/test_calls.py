"""Several calls at once, and none waited for too long."""

import threading
import time

import pytest

from activation import calls
from activation.calls import Calls, Quiet

LONG = 30.0


def echo(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_it_works() -> None:
    with Calls(echo, at_once=3) as line:
        assert list(line.answers([0.0], LONG)) == [[(0.0, 0.0)]]
        assert list(line.answers([], LONG)) == []
        came = [answer for some in line.answers([0.05, 0.0, 0.1], LONG) for _, answer in some]
    assert sorted(came) == [0.0, 0.05, 0.1]


def test_more_than_fit_at_once_are_all_asked() -> None:
    under_way: set[int] = set()
    most = []

    def call(number: int) -> int:
        under_way.add(number)
        most.append(len(under_way))
        time.sleep(0.01)
        under_way.discard(number)
        return number

    with Calls(call, at_once=2) as line:
        came = [answer for some in line.answers(range(9), LONG) for _, answer in some]
    assert sorted(came) == list(range(9))
    assert max(most) <= 2


def test_one_that_does_not_come_back_is_not_waited_for() -> None:
    at_once, never = threading.Event(), threading.Event()
    at_once.set()
    try:
        with Calls(lambda event: event.wait(LONG), at_once=2) as line:
            began = time.monotonic()
            came = [asked for some in line.answers([at_once, never], 2.0) for asked, _ in some]
            assert time.monotonic() - began < LONG / 2
        assert came == [at_once]
        # A process that ends isn't held by them.
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "network")
    finally:
        never.set()


def test_quiet_is_kept_after_waiting_in_vain_again_and_again() -> None:
    quiet = Quiet()
    quiet.heard(False, calls.WAITED_SECONDS)
    assert not quiet.is_kept()
    quiet.heard(False, calls.WAITED_SECONDS)
    assert quiet.is_kept()
    quiet.forget()
    assert not quiet.is_kept()


@pytest.mark.parametrize(("is_answered", "seconds"), [(True, calls.WAITED_SECONDS), (False, 0.1)])
def test_neither_an_answer_nor_a_quick_no_makes_it_quiet(is_answered: bool, seconds: float) -> None:
    quiet = Quiet()
    for _ in range(5):
        quiet.heard(is_answered, seconds)
    assert not quiet.is_kept()


def test_an_answer_in_between_begins_the_count_anew() -> None:
    quiet = Quiet()
    for is_answered in (False, True, False):
        quiet.heard(is_answered, calls.WAITED_SECONDS)
    assert not quiet.is_kept()


def test_quiet_is_over_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "QUIET_SECONDS", 0.0)
    quiet = Quiet()
    for _ in range(calls.IN_VAIN_LIMIT):
        quiet.heard(False, calls.WAITED_SECONDS)
    assert not quiet.is_kept()
