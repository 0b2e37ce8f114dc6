"""Stripe, by its SDK: PaymentIntents with automatic payment methods.

Sources: docs.stripe.com/api/payment_intents, /api/refunds, /api/idempotent_requests,
/payments/paymentintents/lifecycle and /webhooks/signature, API version 2026-10-28.endive.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import stripe
from django.conf import settings

from billing.gateways.base import (
    EventNotice,
    Gateway,
    GatewayConflict,
    GatewayError,
    GatewayPayment,
    GatewayRefund,
    GatewayUnknown,
    InvalidSignature,
    PaymentRequest,
)

T = TypeVar("T")

# PaymentIntent status -> ours. `requires_payment_method` means new and refused alike: see `_status`.
STATUSES = {
    "requires_payment_method": "created",
    "requires_confirmation": "created",
    "requires_action": "created",
    "requires_capture": "processing",
    "processing": "processing",
    "succeeded": "succeeded",
    "canceled": "canceled",
}
# Refund status -> ours; docs.stripe.com/api/refunds/object. What waits for the payer's bank details has left the
# balance as well.
REFUND_STATUSES = {
    "requires_action": "pending",
    "pending": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}
# How old a signature may be; Stripe signs every delivery anew, repeats too.
SIGNATURE_TOLERANCE_SECONDS = 300


class StripeGateway(Gateway):
    """One Stripe account."""

    def __init__(self, account: str) -> None:
        self._account = settings.STRIPE_ACCOUNTS[account]
        self._client = stripe.StripeClient(
            self._account.secret_key,
            stripe_version=settings.STRIPE_API_VERSION,
            base_addresses={"api": settings.STRIPE_API_BASE},
            # The SDK's own 80 s and two retries would hold a small server's threads.
            http_client=stripe.RequestsClient(timeout=settings.STRIPE_TIMEOUT_SECONDS),
            max_network_retries=1,
        )

    @property
    def publishable_key(self) -> str:
        return str(self._account.publishable_key)

    def create(self, request: PaymentRequest, *, idempotency_key: str) -> GatewayPayment:
        params: Any = {
            **_asked(request),
            "automatic_payment_methods": {"enabled": True},
        }
        options: Any = {"idempotency_key": idempotency_key}
        return _read(_call(lambda: self._client.v1.payment_intents.create(params, options)))

    def update(self, reference: str, request: PaymentRequest) -> GatewayPayment:
        params: Any = _asked(request)
        return _read(_call(lambda: self._client.v1.payment_intents.update(reference, params)))

    def retrieve(self, reference: str) -> GatewayPayment:
        params: Any = {"expand": ["latest_charge"]}
        return _read(_call(lambda: self._client.v1.payment_intents.retrieve(reference, params)))

    def cancel(self, reference: str) -> GatewayPayment:
        params: Any = {"cancellation_reason": "abandoned"}
        try:
            return _read(_call(lambda: self._client.v1.payment_intents.cancel(reference, params)))
        except GatewayConflict:
            return self.retrieve(reference)

    def find(self, payment_reference: str, *, created_after: datetime) -> GatewayPayment | None:
        # A list is up to date at once; Stripe's search lags by up to a minute.
        params: Any = {
            "created": {
                "gte": int(created_after.timestamp()),
                "lte": int((created_after + timedelta(days=2)).timestamp()),
            },
            "limit": 100,
        }

        def first() -> str | None:
            # Each further page is a call of its own, and may fail like the first.
            intents = self._client.v1.payment_intents.list(params).auto_paging_iter()
            return next((each.id for each in intents if _metadata(each).get("payment") == payment_reference), None)

        found = _call(first)
        return self.retrieve(found) if found else None

    def refunds_of(self, reference: str) -> list[GatewayRefund]:
        return self._refunds({"payment_intent": reference})

    def refunds_since(self, created_after: datetime) -> list[GatewayRefund]:
        return self._refunds({"created": {"gte": int(created_after.timestamp())}})

    def _refunds(self, which: dict[str, Any]) -> list[GatewayRefund]:
        params: Any = {**which, "limit": 100}
        found = _call(lambda: list(self._client.v1.refunds.list(params).auto_paging_iter()))
        # A refund of a charge that no PaymentIntent made is none of ours.
        return [_read_refund(each) for each in found if each.payment_intent]

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> EventNotice:
        header = headers.get("Stripe-Signature", "")
        if not any(_is_signed(body, header, secret) for secret in self._account.webhook_secrets):
            raise InvalidSignature
        event = json.loads(body)
        try:
            subject = event["data"]["object"]
            is_intent = subject.get("object") == "payment_intent"
            return EventNotice(
                event_id=str(event["id"])[:80],
                type=str(event["type"])[:80],
                api_version=str(event.get("api_version") or "")[:40],
                object_reference=str((subject["id"] if is_intent else subject.get("payment_intent")) or "")[:80],
                happened_at=datetime.fromtimestamp(int(event["created"]), UTC),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("not an event of Stripe's") from error


def _asked(request: PaymentRequest) -> dict[str, Any]:
    return {
        "amount": request.amount,
        "currency": request.currency.lower(),
        "metadata": {"payment": request.payment_reference, "version": str(request.version)},
        "expand": ["latest_charge"],
    }


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    # The SDK compares in constant time, which raises TypeError for letters that no signature has.
    if not header.isascii():
        return False
    try:
        stripe.WebhookSignature.verify_header(
            body.decode("utf-8"), header, secret, tolerance=SIGNATURE_TOLERANCE_SECONDS
        )
    except (stripe.SignatureVerificationError, ValueError):
        return False
    return True


def _call(function: Callable[[], T]) -> T:
    """Stripe's errors in our three words: conflict, refused, unknown."""
    try:
        return function()
    except stripe.InvalidRequestError as error:
        if error.code == "payment_intent_unexpected_state":
            raise GatewayConflict(error.code) from None
        if error.code == "idempotency_key_in_use" or error.http_status == 409:
            raise GatewayUnknown("in flight") from None
        raise GatewayError(f"{error.code or error.http_status}") from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise GatewayError(type(error).__name__) from None
    except stripe.StripeError as error:
        # Time-outs, broken bodies, 429 and 5xx: it may have happened. So may what an idempotency key was first used
        # for, when it is still in use, or refused because a new release of ours asks in other words.
        raise GatewayUnknown(type(error).__name__) from None


def _read(intent: stripe.PaymentIntent) -> GatewayPayment:
    error = _part(intent, "last_payment_error")
    status = _status(intent)
    details = _refused(error) if status == "failed" else _charged(intent)
    card = _part(details, "card")
    return GatewayPayment(
        reference=intent.id,
        status=status,
        amount=intent.amount,
        currency=intent.currency.upper(),
        amount_received=_part(intent, "amount_received") or 0,
        metadata=_metadata(intent),
        method=_part(_part(card, "wallet"), "type") or _part(details, "type") or "",
        card_brand=_part(card, "brand") or "",
        card_last4=_part(card, "last4") or "",
        failure_code=_part(error, "decline_code") or _part(error, "code") or "",
        client_secret=_part(intent, "client_secret") or "",
    )


def _read_refund(refund: stripe.Refund) -> GatewayRefund:
    return GatewayRefund(
        reference=refund.id,
        payment_reference=str(refund.payment_intent),
        status=REFUND_STATUSES[refund.status or "pending"],
        amount=refund.amount,
        currency=refund.currency.upper(),
        created_at=datetime.fromtimestamp(refund.created, UTC),
    )


def _charged(intent: stripe.PaymentIntent) -> Any:
    return _part(_part(intent, "latest_charge"), "payment_method_details")


def _refused(error: Any) -> Any:
    """What the last attempt was made with: one refused before a charge leaves the newest charge to an older attempt."""
    return _part(error, "payment_method")


def _part(of: Any, name: str) -> Any:
    """A part that may be missing: StripeObject raises for what an answer left out, and a string is an unexpanded id."""
    return getattr(of, name, None) if isinstance(of, stripe.StripeObject) else None


def _metadata(intent: stripe.PaymentIntent) -> dict[str, str]:
    # StripeObject is no dict since SDK 15.
    return dict(intent.metadata.to_dict()) if intent.metadata else {}


def _status(intent: stripe.PaymentIntent) -> str:
    if intent.status == "requires_payment_method" and _part(intent, "last_payment_error"):
        return "failed"
    return STATUSES[intent.status]
