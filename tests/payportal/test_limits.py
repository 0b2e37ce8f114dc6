"""Rate limits in a real Valkey."""

import pytest
from pytest_django import Settings
from redis import Redis

from payportal import limits
from tests import threads


@pytest.fixture(autouse=True)
def _empty(settings: Settings) -> None:
    Redis.from_url(settings.REDIS_URL).flushdb()


def test_it_works() -> None:
    assert [limits.allow("t", "a", per=(2, 60)) for _ in range(3)] == [True, True, False]
    assert limits.allow("t", "b", per=(2, 60))
    assert limits.allow("u", "a", per=(2, 60))


def test_all_threads_count_together() -> None:
    allowed = threads.at_once(*[lambda: limits.allow("t", "a", per=(5, 60))] * 20)
    assert not threads.errors(allowed)
    assert sum(allowed) == 5


def test_no_key_can_be_read_from_valkey(settings: Settings) -> None:
    limits.allow("t", "+447700900123", per=(5, 60))
    keys = b" ".join(Redis.from_url(settings.REDIS_URL).keys("*"))
    assert keys
    assert b"7700900123" not in keys


def test_a_valkey_that_is_away_is_said_and_not_waited_for(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/at/all?db=0"
    with pytest.raises(limits.LimitsDown):
        limits.allow("t", "a", per=(2, 60))
