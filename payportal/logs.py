"""One line of JSON an event, and no secret or person in it, whoever wrote the line.

structlog writes ours, its formatter takes in the standard library's (Django's, Celery's), and every line goes through
``without_secrets`` last of all. django-structlog gives each request and task an id that ties its lines together.
"""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

# What must never be read in a log: addresses that open something, keys, client secrets, card numbers, people.
_SECRETS = [
    (re.compile(r"/([psrq])/[\w%-]{6,}(/[\w%-]+)?"), r"/\1/…"),
    # This proves that it is Exotel who posts to us.
    (re.compile(r"([?&]t=)[\w%-]+"), r"\1…"),
    (re.compile(r"\b(pi_\w+?)_secret_\w+"), r"\1_secret_…"),
    (re.compile(r"\b((?:sk|rk)_(?:test|live)|whsec)_\w+"), r"\1_…"),
    (re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), "…"),
    (re.compile(r"\+\d(?:[ -]?\d){7,14}\b"), "+…"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "…@…"),
    # PostgreSQL puts the values of a row there.
    (re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE), r"\1: …"),
]

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def without_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank out what may be known to nobody, in every text of an event."""
    for key, value in event.items():
        if isinstance(value, str) and not key.startswith("_") and key != "timestamp":
            event[key] = clean(value)
    return event


def clean(text: str) -> str:
    """The text with secrets and persons blanked out."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class RequestLog(RequestMiddleware):
    """A line for each finished request: its method, the shape of its address, its status. Nobody's name or address."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """The route's pattern where it is known, else the first part of the path alone."""
        match = request.resolver_match
        shape = match.route if match else request.path_info.split("/")[1][:20]
        return f"{request.method} /{shape.lstrip('/')}"


def configure(level: str) -> dict[str, Any]:
    """Set structlog up and give Django its LOGGING."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    without_secrets,
                    structlog.processors.JSONRenderer(),
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # What it says, the request's own line says too, without the path.
            "django.request": {"handlers": [], "level": "CRITICAL", "propagate": False},
            "django.server": {"handlers": [], "level": "CRITICAL", "propagate": False},
            "urllib3": {"level": "ERROR"},
            "stripe": {"level": "ERROR"},
            # A line for every call, with its whole address: a customer's number stands in some.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }
