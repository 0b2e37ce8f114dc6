"""How often something may be done, counted in Valkey by the ``limits`` library, so that all processes count together.

Counted are things that cost a person or an operator something: fresh links, codes, looking up codes. Opening a good
link is never counted. Keys are hashed: no address, number or link can be read from Valkey.
"""

import hmac
from functools import cache

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter

SECONDS = 0.5


class LimitsDown(Exception):
    """Valkey can't be asked, so nobody knows how often: what must be counted is closed until it is back."""


def allow(scope: str, key: str, *, per: tuple[int, int]) -> bool:
    """Count one more and say whether it was within ``per``: so many in so many seconds. Raises LimitsDown."""
    count, seconds = per
    try:
        return _limiter(settings.REDIS_URL).hit(RateLimitItemPerSecond(count, seconds, "payportal"), scope, hashed(key))
    except StorageError as error:
        raise LimitsDown(type(error.storage_error).__name__) from None


def hashed(key: str) -> str:
    """The same key for the same visitor, and of no use to who reads it."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"limits\0" + key.encode(), "sha256").hex()[:32]


@cache
def _limiter(url: str) -> FixedWindowRateLimiter:
    """One client a process; redis-py's pool behind it is safe among threads and opens connections when needed."""
    storage = RedisStorage(
        url.replace("unix://", "redis+unix://", 1),
        wrap_exceptions=True,
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
    )
    return FixedWindowRateLimiter(storage)
