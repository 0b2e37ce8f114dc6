"""What people see while PostgreSQL or Valkey is down: friendly words, no stack trace, nothing personal.

What was begun is not lost: it stands in the database or at the gateway, and the sweeps finish it.
"""

from collections.abc import Callable
from threading import Thread
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse
from redis.exceptions import ConnectionError as ValkeyConnectionError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 10
# A customer's page comes back by itself: whoever has just paid has nothing to press and waits to be told.
RELOAD_SECONDS = 5
CUSTOMERS_PAGES = ("/p/", "/s/", "/r/")
OUTAGES = (OperationalError, InterfaceError, RedisError, ValkeyConnectionError)


class OutageMiddleware:
    """Turns an outage, wherever it was met, into a 503 that says to try again."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        except OUTAGES as error:
            return _told(request, error)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The same for what a view raised: Django hands it here before it makes a 500 of it."""
        return _told(request, exception) if isinstance(exception, OUTAGES) else None


def answer(request: HttpRequest) -> HttpResponse:
    """The 503 in the form that was asked for; needs no database and knows the operator only if it was found."""
    from payportal.pages import errors

    response = errors.words(
        request,
        status=503,
        title=errors.OUTAGE_TITLE,
        text=errors.OUTAGE_TEXT,
        again=_where(request),
    )
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if request.method == "GET" and request.path_info.startswith(CUSTOMERS_PAGES):
        response["Refresh"] = str(RELOAD_SECONDS)
    return response


def replace_dead_connections(database: Any = None) -> Thread | None:
    """Have this process's idle connections looked at: where one was found dead, the others mostly are.

    Without this each of them would fail one customer after the database was restarted, the last maybe hours later. In a
    thread, since a network that swallows everything lets even the looking wait.
    """
    pool = getattr(database or connections["default"], "pool", None)
    if pool is None:
        return None
    looking = Thread(target=pool.check, name="pool-check", daemon=True)
    looking.start()
    return looking


def _where(request: HttpRequest) -> str:
    """The page to try again: what was asked for, or the link's page whose form it was; nothing for other forms."""
    if request.method == "GET":
        return request.get_full_path()
    parts = request.path_info.split("/")
    return f"/p/{parts[2]}/" if len(parts) > 3 and parts[1] == "p" else ""


def _told(request: HttpRequest, error: Exception) -> HttpResponse:
    # The error's own text may carry parameters of a query, and those are persons' data.
    log.error("outage", error=type(error).__name__)
    replace_dead_connections()
    return answer(request)
