"""The environment's words turned into settings, each failing with one clear line.

No model and no Django set-up is needed here: settings.py calls these while it is being read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

# How long a pool goes on by itself with longer and longer pauses to find a database that is away.
RECONNECT_SECONDS = 2.0
# A database's machine that vanishes without a word (libpq; over TCP only): the kernel alone would wait for hours.
LOST_HOST = {"tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}


@dataclass(frozen=True)
class StripeAccount:
    """The keys of one account at Stripe; secrets never leave settings."""

    publishable_key: str
    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False, default=())


def one_of(*choices: str) -> Callable[[str], str]:
    """A validator that admits only these words."""

    def check(value: str) -> str:
        if value not in choices:
            raise ImproperlyConfigured(f"{value!r} is none of {', '.join(choices)}")
        return value

    return check


def numbered_keys(variable: str, text: str) -> dict[int, bytes]:
    """Keys by number, from ``1:hex,2:hex``; the highest number signs, all of them verify."""
    keys: dict[int, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, digits = part.partition(":")
        try:
            number, key = int(name), bytes.fromhex(digits)
        except ValueError:
            raise ImproperlyConfigured(f"{variable} must read NUMBER:HEX[,NUMBER:HEX...]") from None
        if not 0 < number < 256 or len(key) < 16:
            raise ImproperlyConfigured(f"{variable} needs numbers from 1 to 255 and keys of at least 16 bytes")
        if number in keys:
            # The later one would end everything made with the earlier.
            raise ImproperlyConfigured(f"{variable} has two keys of number {number}")
        keys[number] = key
    if not keys:
        raise ImproperlyConfigured(f"{variable} is empty")
    return keys


def database(url: str, *, pool: int, timeout_seconds: int) -> dict[str, Any]:
    """Django's DATABASES entry for a ``postgres://`` address, a socket's ``?host=/path`` among them.

    ``pool`` is the number of pooled connections of a web process, at least one for each thread; 0, as Celery and the
    tests need it, opens plain connections (a pool does not survive a fork and holds test databases open).
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("DATABASE_URL must be a postgres:// address: payportal runs on PostgreSQL alone")
    options: dict[str, Any] = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host = options.pop("host", None) or parts.hostname or ""
    options = {**LOST_HOST, "connect_timeout": timeout_seconds, **options}
    if pool:
        options["pool"] = {
            "min_size": pool,
            "max_size": pool,
            "timeout": timeout_seconds,
            # psycopg_pool doubles the pause between attempts for as long as this (five minutes, if not told): after an
            # outage of a minute the pages would be away for another. Once it gives up, the next request begins anew.
            "reconnect_timeout": RECONNECT_SECONDS,
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "")),
        "CONN_MAX_AGE": 0 if pool else 60,
        # A pool's own check pauses for seconds between two dead connections; see payportal.pages.outage instead.
        "CONN_HEALTH_CHECKS": not pool,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": options,
    }


def celery_broker(url: str) -> str:
    """Kombu's spelling of a Redis address: it calls a Unix socket ``redis+socket``."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        # Kombu would take it for the name of a RabbitMQ and look for that for minutes.
        raise ImproperlyConfigured("REDIS_URL must be a redis://, rediss:// or unix:// address")
    if parts.scheme != "unix":
        return url
    database_number = parse_qs(parts.query).get("db", ["0"])[-1]
    return f"redis+socket://{parts.path}?virtual_host={database_number}"


def stripe_accounts(env: Env) -> dict[str, StripeAccount]:
    """Accounts by code: ``default`` from STRIPE_*, others from STRIPE_ACCOUNT_CODES and STRIPE_<CODE>_*."""
    codes = ["default", *env.list("STRIPE_ACCOUNT_CODES", [])]
    accounts = {}
    for code in codes:
        prefix = "STRIPE_" if code == "default" else f"STRIPE_{code.upper()}_"
        accounts[code] = StripeAccount(
            publishable_key=env.str(prefix + "PUBLISHABLE_KEY"),
            secret_key=env.str(prefix + "SECRET_KEY"),
            webhook_secrets=tuple(filter(None, env.list(prefix + "WEBHOOK_SECRETS", []))),
        )
    return accounts
