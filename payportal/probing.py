"""Somebody tries addresses: forged ones are counted for each visitor's address and for all of an operator's together,
and many of them call a person. Who tries from a thousand networks is seen by the second count alone.

Nobody is slowed or refused for it: behind one address may be a family, or half a town. Counting costs a request a
moment: a thread does it a second later, in Valkey, where all processes count together. What is lost when Valkey or a
process is away is lost.
"""

import time
from collections import Counter, deque
from collections.abc import Sequence
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
# More than this in a minute from all addresses together are no mistyping either, however many customers there are: what
# was sent is a link to be tapped.
LIMIT_OF_ALL = 300
WINDOW_SECONDS = 60
# One alarm for each visitor, and one for each operator, in this time.
QUIET_SECONDS = 600
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 0.5

# Somebody who tries faster than they are counted loses the oldest tries: there are more than enough of them.
_tried: deque[tuple[str, str]] = deque(maxlen=10_000)
_is_news = Event()
_starting = Lock()
_thread: Thread | None = None


def noticed(request: HttpRequest) -> None:
    """A forged address, token, cookie or code was tried, at the operator that answers there."""
    operator = getattr(request, "operator", None)
    _tried.append((visitors.address_of(request), operator.code if operator else ""))
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
            _count(_drained())
        except (RedisError, OSError) as error:
            log.warning("probing_not_counted", error=type(error).__name__)


def _drained() -> list[tuple[str, str]]:
    """What was tried since the last time; threads go on adding meanwhile."""
    return [_tried.popleft() for _ in range(len(_tried))]


def _count(tries: Sequence[tuple[str, str]]) -> None:
    """Add to this minute's counts, and have a person called where there were too many."""
    addresses, operators = Counter(address for address, _ in tries), Counter(code for _, code in tries)
    with Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    ) as valkey:
        for address, times in addresses.items():
            who = limits.hashed(address)
            _add(valkey, f"probing/{who}", times, LIMIT, who[:12])
        for code, times in operators.items():
            _add(valkey, f"probing-all/{code}", times, LIMIT_OF_ALL, f"all of {code}")


def _add(valkey: Redis, key: str, times: int, limit: int, who: str) -> None:
    """Add to one count; ``who`` is what the alarm names when that makes too many."""
    with valkey.pipeline() as together:
        together.set(f"payportal/{key}", 0, ex=WINDOW_SECONDS, nx=True)
        together.incrby(f"payportal/{key}", times)
        count = together.execute()[1]
    if count > limit and valkey.set(f"payportal/told/{key}", 1, ex=QUIET_SECONDS, nx=True):
        waking.wake(ALARM, who, count)
