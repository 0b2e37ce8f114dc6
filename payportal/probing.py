"""Somebody tries addresses: forged ones are counted for each visitor's address, and many of them call a person.

Nobody is slowed or refused for it: behind one address may be a family, or half a town. Counting costs a request a
moment: a thread does it a second later, in Valkey, where all processes count together. What is lost when Valkey or a
process is away is lost.
"""

import time
from collections import Counter, deque
from collections.abc import Mapping
from threading import Event, Lock, Thread

import structlog
from django.conf import settings
from django.http import HttpRequest
from redis import Redis
from redis.exceptions import RedisError

from billing import waking
from payportal import limits, visitors

log = structlog.get_logger(__name__)

# The task that raises the alarm; by name, since a web process has imported no tasks.
ALARM = "payportal.probing_alarm"
# More forged addresses than this in a minute are no mistyping.
LIMIT = 30
WINDOW_SECONDS = 60
# One alarm for each visitor in this time.
QUIET_SECONDS = 600
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 0.5

# Somebody who tries faster than they are counted loses the oldest tries: there are more than enough of them.
_tried: deque[str] = deque(maxlen=10_000)
_is_news = Event()
_starting = Lock()
_thread: Thread | None = None


def noticed(request: HttpRequest) -> None:
    """A forged address was asked for."""
    _tried.append(visitors.address_of(request))
    _is_news.set()
    if _thread is None or not _thread.is_alive():
        _start()


def _start() -> None:
    global _thread
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = Thread(target=_count_on, name="probing", daemon=True)
            _thread.start()


def _count_on() -> None:
    while True:
        _is_news.wait()
        _is_news.clear()
        time.sleep(PAUSE_SECONDS)
        try:
            _count(Counter(_drained()))
        except (RedisError, OSError) as error:
            log.warning("probing_not_counted", error=type(error).__name__)


def _drained() -> list[str]:
    """What was tried since the last time; threads go on adding meanwhile."""
    return [_tried.popleft() for _ in range(len(_tried))]


def _count(tries: Mapping[str, int]) -> None:
    """Add to this minute's counts, and have a person called where there were too many."""
    with Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    ) as valkey:
        for address, times in tries.items():
            who = limits.hashed(address)
            key = f"payportal/probing/{who}"
            with valkey.pipeline() as together:
                count = together.set(key, 0, ex=WINDOW_SECONDS, nx=True).incrby(key, times).execute()[1]
            if count > LIMIT and valkey.set(f"payportal/probing-told/{who}", 1, ex=QUIET_SECONDS, nx=True):
                waking.wake(ALARM, who[:12], count)
