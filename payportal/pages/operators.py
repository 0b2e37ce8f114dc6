"""Whose page it is: the operator is known by the host name.

Operators are read once into each process and again when older than ``OPERATOR_CACHE_SECONDS`` (a cache, not state), so
that finding one costs a request no query. While the database is down the operators last read are used.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings
from django.contrib.postgres.aggregates import JSONBAgg
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.db.models.functions import JSONObject
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port

from billing.models import Operator, ProofRule
from payportal.pages import outage

RETRY_SECONDS = 5
# What answers for every host: load balancers ask for health by address.
ANY_HOST = ("/healthz", settings.STATIC_URL)


@dataclass(frozen=True)
class _Snapshot:
    by_host: dict[str, Operator]
    default: Operator | None
    read_at: float


_snapshot: _Snapshot | None = None
_reading = threading.Lock()


def for_host(host: str) -> Operator | None:
    """The operator of a host name (a port is ignored), else the one that answers for all others, else None."""
    name = split_domain_port(host)[0].rstrip(".")
    known = _known()
    return known.by_host.get(name) or known.default


def forget(**_: object) -> None:
    """Read the operators again at the next request: one of them changed in this process."""
    global _snapshot
    _snapshot = None


for _sender in (Operator, ProofRule):
    post_save.connect(forget, sender=_sender, dispatch_uid=f"payportal.pages.operators.{_sender.__name__}")
    post_delete.connect(forget, sender=_sender, dispatch_uid=f"payportal.pages.operators.{_sender.__name__}")


def _known() -> _Snapshot:
    global _snapshot
    current = _snapshot
    if current and time.monotonic() - current.read_at < settings.OPERATOR_CACHE_SECONDS:
        return current
    # One thread reads, the others go on with what they have.
    if not _reading.acquire(blocking=current is None):
        assert current is not None
        return current
    try:
        _snapshot = fresh = _read()
        return fresh
    except (OperationalError, InterfaceError):
        if current is None:
            raise
        # Nobody waits for the database again before it has had a moment.
        _snapshot = replace(current, read_at=time.monotonic() - settings.OPERATOR_CACHE_SECONDS + RETRY_SECONDS)
        return current
    finally:
        _reading.release()


def _read() -> _Snapshot:
    rules = JSONBAgg(
        JSONObject(action="proof_rules__action", via="proof_rules__via", amount_from="proof_rules__amount_from"),
        filter=Q(proof_rules__is_active=True),
        default=[],
    )
    operators = list(Operator.objects.filter(is_active=True).annotate(rules=rules))
    for operator in operators:
        # So that finding out whether a PIN is asked for costs a page no query either.
        operator.proof_rules_in_force = [  # type: ignore[attr-defined]
            ProofRule(operator_id=operator.pk, **rule) for rule in operator.rules
        ]
    return _Snapshot(
        by_host={operator.host.lower(): operator for operator in operators},
        default=next((operator for operator in operators if operator.is_default), None),
        read_at=time.monotonic(),
    )


class OperatorMiddleware:
    """Sets ``request.operator``; answers a plain 400 to a host that is nobody's. The first of all middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(ANY_HOST):
            return self.get_response(request)
        try:
            # ALLOWED_HOSTS admits every well-formed name: which ones there are is decided here.
            operator = for_host(request.get_host().lower())
        except (OperationalError, InterfaceError):
            return outage.answer(request)
        except DisallowedHost:
            operator = None
        if operator is None:
            return HttpResponse("There is no such site here.\n", status=400, content_type="text/plain")
        request.operator = operator  # type: ignore[attr-defined]
        return self.get_response(request)
