"""Which addresses of Stripe's API there are, whom they serve, and which parameters they take."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from payportal.demo.stripe_standin import (
    confirmation,
    payment_intents,
    payment_methods,
    reading,
    refunds,
)
from payportal.demo.stripe_standin.store import Object, Store, Work

Endpoint = Callable[[Work, str, Object], Object]


@dataclass(frozen=True)
class Route:
    """One method and path; `params` names a typed dictionary of the SDK."""

    method: str
    pattern: re.Pattern[str]
    params: str
    run: Endpoint | None = None
    lists: str = ""  # the kind of object, where the address is a list


def _route(method: str, path: str, params: str, run: Endpoint | None = None, lists: str = "") -> Route:
    pattern = re.compile(path.replace(":id", r"(?P<id>[A-Za-z0-9_]+)") + "$")
    return Route(method, pattern, params, run, lists)


def _found(kind: str, parameter: str) -> Endpoint:
    return lambda work, identifier, params: work.find(kind, identifier, parameter)


ROUTES = (
    _route(
        "POST",
        "/v1/payment_intents",
        "PaymentIntentCreateParams",
        lambda work, _id, given: confirmation.create(work, given),
    ),
    _route("GET", "/v1/payment_intents", "PaymentIntentListParams", lists="payment_intent"),
    _route("GET", "/v1/payment_intents/:id", "PaymentIntentRetrieveParams", _found("payment_intent", "intent")),
    _route("POST", "/v1/payment_intents/:id", "PaymentIntentUpdateParams", payment_intents.update),
    _route("POST", "/v1/payment_intents/:id/confirm", "PaymentIntentConfirmParams", confirmation.confirm),
    _route("POST", "/v1/payment_intents/:id/cancel", "PaymentIntentCancelParams", payment_intents.cancel),
    _route(
        "POST",
        "/v1/payment_methods",
        "PaymentMethodCreateParams",
        lambda work, _id, given: payment_methods.create(work, given),
    ),
    _route("GET", "/v1/payment_methods/:id", "PaymentMethodRetrieveParams", _found("payment_method", "payment_method")),
    _route("GET", "/v1/charges", "ChargeListParams", lists="charge"),
    _route("GET", "/v1/charges/:id", "ChargeRetrieveParams", _found("charge", "id")),
    _route("POST", "/v1/refunds", "RefundCreateParams", lambda work, _id, given: refunds.create(work, given)),
    _route("GET", "/v1/refunds", "RefundListParams", lists="refund"),
    _route("GET", "/v1/refunds/:id", "RefundRetrieveParams", _found("refund", "id")),
    _route("GET", "/v1/events", "EventListParams", lists="event"),
    _route("GET", "/v1/events/:id", "EventRetrieveParams", _found("event", "id")),
    _route("GET", "/v1/disputes", "DisputeListParams", lists="dispute"),
    _route("GET", "/v1/disputes/:id", "DisputeRetrieveParams", _found("dispute", "id")),
    _route("GET", "/v1/balance_transactions", "BalanceTransactionListParams", lists="balance_transaction"),
    _route(
        "GET", "/v1/balance_transactions/:id", "BalanceTransactionRetrieveParams", _found("balance_transaction", "id")
    ),
)

# What a browser may do with the publishable key and, but for making a PaymentMethod, a client secret.
CLIENT_ROUTES = (
    _route(
        "GET",
        "/v1/payment_intents/:id",
        "PaymentIntentRetrieveParams",
        lambda work, identifier, given: payment_intents.for_client(work, identifier, given.get("client_secret")),
    ),
    _route("POST", "/v1/payment_intents/:id/confirm", "PaymentIntentConfirmParams", confirmation.confirm_by_client),
    _route(
        "POST",
        "/v1/payment_methods",
        "PaymentMethodCreateParams",
        lambda work, _id, given: payment_methods.create(work, given),
    ),
)


def match(routes: tuple[Route, ...], method: str, path: str) -> tuple[Route, str] | None:
    """The route and the identifier in the path, or None."""
    for route in routes:
        found = route.pattern.match(path)
        if found and route.method == method:
            return route, found.groupdict().get("id", "")
    return None


def run(route: Route, store: Store, work: Work, identifier: str, given: dict[str, Any]) -> Object:
    """The answer's body, without expansion."""
    if route.lists:
        return reading.page(store, route.lists, given, route.pattern.pattern.rstrip("$"))
    assert route.run is not None
    return route.run(work, identifier, given)
