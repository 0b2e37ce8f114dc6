"""The same way through Stripe's own test mode: only with STRIPE_TEST_SECRET_KEY set; it needs the network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import stripe

KEY = os.environ.get("STRIPE_TEST_SECRET_KEY", "")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not KEY, reason="opt-in: set STRIPE_TEST_SECRET_KEY to a key of Stripe's test mode"),
]


@pytest.fixture
def test_mode(settings) -> Iterator[stripe.StripeClient]:
    """Our gateway, at Stripe."""
    from billing import gateways

    assert KEY.startswith(("sk_test_", "rk_test_")), "only a key of the test mode"
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    account = settings.STRIPE_ACCOUNTS["default"]
    settings.STRIPE_ACCOUNTS = {"default": replace(account, secret_key=KEY)}
    settings.STRIPE_TIMEOUT_SECONDS = 10
    gateways.get.cache_clear()
    yield stripe.StripeClient(KEY, stripe_version=settings.STRIPE_API_VERSION)
    gateways.get.cache_clear()


def test_declined_then_paid_then_too_late_to_cancel(test_mode: stripe.StripeClient) -> None:
    from django.db import transaction
    from django.utils import timezone

    from billing import payments
    from tests import world

    now = timezone.now()
    account = world.account(world.customer(owner := world.operator()), world.legal_entity(owner))
    link, bill, other = world.link(account.customer, now=now), world.bill(account, 10000), world.bill(account, 5000)

    def tap(*bills):
        with transaction.atomic():
            payments.lock_link(link)
            return payments.start(
                link=link, invoices=list(bills), amount_shown=sum(bill.amount_due for bill in bills), now=now
            )

    payments.open_at_gateway(tap(bill).pk, now)
    opened = payments.open_at_gateway(tap(bill, other).pk, now)
    reference = opened.payment.gateway_reference
    returning = {"return_url": "https://pay.example/s/x"}
    with pytest.raises(stripe.CardError):
        test_mode.v1.payment_intents.confirm(reference, {"payment_method": "pm_card_chargeDeclined", **returning})
    assert payments.refresh(opened.payment.pk, now).status == "failed"
    test_mode.v1.payment_intents.confirm(reference, {"payment_method": "pm_card_visa", **returning})
    assert payments.cancel(opened.payment.pk, now) is False
    payment = payments.refresh(opened.payment.pk, now)
    assert (payment.status, payment.amount_received, payment.card_last4) == ("succeeded", 15000, "4242")
    world.assert_books_balance()


def test_an_object_is_found_by_its_metadata_and_canceled(test_mode: stripe.StripeClient) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from billing import gateways
    from billing.gateways.base import PaymentRequest
    from billing.lib import references

    gateway, reference = gateways.get("stripe", "default"), references.new_reference()
    request = PaymentRequest(payment_reference=reference, version=1, amount=1000, currency="NOK")
    made = gateway.create(request, idempotency_key=f"create-{reference}")
    assert gateway.create(request, idempotency_key=f"create-{reference}").reference == made.reference
    found = gateway.find(reference, created_after=timezone.now() - timedelta(minutes=5))
    assert found is not None
    assert found.reference == made.reference
    assert gateway.cancel(made.reference).status == "canceled"
