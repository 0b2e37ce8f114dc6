"""One story told to the stand-in and, where STRIPE_TEST_SECRET_KEY is set, to Stripe's own test mode: the same ends."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.conftest import client_of

BACK = {"return_url": "https://shop.example/back"}


KEY = os.environ.get("STRIPE_TEST_SECRET_KEY", "")


@pytest.fixture(params=["stand-in", "stripe"] if KEY else ["stand-in"])
def either(request: pytest.FixtureRequest) -> Iterator[stripe.StripeClient]:
    """The stand-in, and Stripe itself for those who have given a key."""
    if request.param == "stand-in":
        with StandIn() as standin:
            yield client_of(standin)
        return
    assert KEY.startswith(("sk_test_", "rk_test_")), "a test key only"
    yield stripe.StripeClient(KEY, http_client=stripe.RequestsClient(timeout=30), max_network_retries=2)


def create(client: stripe.StripeClient, key: str | None = None, **fields: Any) -> stripe.PaymentIntent:
    params: Any = {"amount": 64800, "currency": "eur", "automatic_payment_methods": {"enabled": True}, **fields}
    return client.v1.payment_intents.create(params, {"idempotency_key": key} if key else {})


def refused(kind: type[stripe.StripeError], call: Any) -> stripe.StripeError:
    with pytest.raises(kind) as error:
        call()
    return error.value


def test_an_attempt_is_declined_then_paid_then_refunded(either: stripe.StripeClient) -> None:
    payment = uuid.uuid4().hex
    intent = create(either, metadata={"payment": payment})
    intents = either.v1.payment_intents
    declined = refused(
        stripe.CardError, lambda: intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined", **BACK})
    )
    assert declined.error is not None
    assert (declined.error.code, declined.error.decline_code) == ("card_declined", "generic_decline")
    after = intents.retrieve(intent.id)
    assert (after.status, after.amount_received) == ("requires_payment_method", 0)
    assert after.last_payment_error is not None

    updated = intents.update(intent.id, {"amount": 70000})
    assert (updated.amount, updated.status, updated.last_payment_error) == (70000, "requires_payment_method", None)
    paid = intents.confirm(intent.id, {"payment_method": "pm_card_visa", "expand": ["latest_charge"], **BACK})
    assert (paid.status, paid.amount_received) == ("succeeded", 70000)
    assert isinstance(paid.latest_charge, stripe.Charge)
    assert paid.latest_charge.paid

    again = refused(
        stripe.InvalidRequestError, lambda: intents.confirm(intent.id, {"payment_method": "pm_card_visa", **BACK})
    )
    assert again.code == "payment_intent_unexpected_state"
    assert refused(stripe.InvalidRequestError, lambda: intents.cancel(intent.id)).code == again.code
    assert refused(stripe.InvalidRequestError, lambda: intents.update(intent.id, {"amount": 1})).code == again.code

    refunds = either.v1.refunds
    assert refunds.create({"payment_intent": intent.id, "amount": 30000}).status == "succeeded"
    refused(stripe.InvalidRequestError, lambda: refunds.create({"payment_intent": intent.id, "amount": 40001}))
    assert refunds.create({"payment_intent": intent.id}).amount == 40000
    whole = refused(stripe.InvalidRequestError, lambda: refunds.create({"payment_intent": intent.id}))
    assert whole.code == "charge_already_refunded"

    listed = intents.list({"created": {"gte": intent.created - 60, "lte": int(time.time()) + 60}, "limit": 100})
    assert intent.id in [
        each.id for each in listed.data if each.metadata and each.metadata.to_dict().get("payment") == payment
    ]


def test_a_key_is_good_for_one_request(either: stripe.StripeClient) -> None:
    key = uuid.uuid4().hex
    first = create(either, key)
    again = create(either, key)
    assert first.id == again.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    refused(stripe.IdempotencyError, lambda: create(either, key, amount=1000))


def test_a_canceled_intent_stays_canceled(either: stripe.StripeClient) -> None:
    intent = create(either)
    intents = either.v1.payment_intents
    assert intents.cancel(intent.id, {"cancellation_reason": "abandoned"}).status == "canceled"
    assert refused(stripe.InvalidRequestError, lambda: intents.cancel(intent.id)).code == (
        "payment_intent_unexpected_state"
    )
    late = refused(
        stripe.InvalidRequestError, lambda: intents.confirm(intent.id, {"payment_method": "pm_card_visa", **BACK})
    )
    assert late.code == "payment_intent_unexpected_state"


def test_a_card_that_asks_the_bank_redirects(either: stripe.StripeClient) -> None:
    asked = either.v1.payment_intents.confirm(
        create(either).id, {"payment_method": "pm_card_threeDSecure2Required", **BACK}
    )
    assert asked.status == "requires_action"
    assert asked.next_action is not None
    assert asked.next_action.type == "redirect_to_url"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"colour": "red"}, "parameter_unknown"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported"),
        ({"amount": "many"}, "parameter_invalid_integer"),
    ],
)
def test_wrong_parameters_have_stripes_codes(either: stripe.StripeClient, fields: dict[str, Any], code: str) -> None:
    assert refused(stripe.InvalidRequestError, lambda: create(either, **fields)).code == code


def test_what_is_not_there_is_missing(either: stripe.StripeClient) -> None:
    missing = refused(stripe.InvalidRequestError, lambda: either.v1.payment_intents.retrieve("pi_nobody"))
    assert (missing.http_status, missing.code) == (404, "resource_missing")
