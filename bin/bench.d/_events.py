"""Stripe's webhooks as the benchmarks send them, payments that Stripe has the money of, and the plain way to book."""

import json
import time
from datetime import timedelta

import _load
import _world

WEBHOOK_SECRET = "whsec_for_tests"


def event(number: str, reference: str = "") -> str:
    """An event of about the size of Stripe's own."""
    intent = {
        "id": reference or f"pi_{number}",
        "object": "payment_intent",
        "amount": 104700,
        "amount_received": 104700,
        "currency": "nok",
        "status": "succeeded",
        "metadata": {"payment": "made-up", "version": "1"},
        # What else an intent has is long, and read by nobody here.
        "payment_method_options": {f"method_{each}": {"request_three_d_secure": "automatic"} for each in range(40)},
    }
    whole = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": intent},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "payment_intent.succeeded",
    }
    return json.dumps(whole, indent=2)


def posted(path: str, body: str) -> bytes:
    """The request by which Stripe brings it."""
    import stripe

    signature = stripe.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET)
    headers = {"Stripe_Signature": signature, "Content_Type": "application/json; charset=utf-8"}
    return _load.post(path, body.encode(), **headers)


def paid_at_stripe(count: int) -> list[str]:
    """So many payments of one bill each, opened at the stand-in and paid there; ours don't know it yet."""
    import stripe
    from django.conf import settings
    from django.utils import timezone

    from activation import checkout
    from billing import links, payments
    from billing.models import BillingAccount, Customer, Invoice
    from payportal.demo import data

    now = timezone.now()
    client = stripe.StripeClient(
        settings.STRIPE_ACCOUNTS["default"].secret_key, base_addresses={"api": settings.STRIPE_API_BASE}
    )
    first = data.customer(data.PRINTED_CUSTOMER)
    entity = first.accounts.select_related("legal_entity__operator").earliest("pk").legal_entity
    references = []
    for _ in range(count):
        name = f"b{Customer.objects.count()}"
        customer = Customer.objects.create(operator=first.operator, reference=name, created_at=now)
        account = BillingAccount.objects.create(customer=customer, legal_entity=entity, number=name, created_at=now)
        _world.issue(account, due_in=10, now=now)
        bill = Invoice.objects.get(account=account)
        link = links.create(customer=customer, currency="NOK", actor="system:benchmark", now=now)
        payment = checkout.start(link=link, bill_ids=[bill.pk], package_ids=[], amount_shown=bill.amount_due, now=now)
        reference = payments.open_at_gateway(payment.pk, now).payment.gateway_reference
        assert reference
        client.v1.payment_intents.confirm(
            reference, {"payment_method": "pm_card_visa", "return_url": "https://pay.example/"}
        )
        references.append(reference)
    return references


def store(references: list[str]) -> None:
    """The rows of webhooks that were kept and not looked into."""
    from django.utils import timezone

    from billing.models import GatewayEvent

    now = timezone.now() - timedelta(seconds=1)
    GatewayEvent.objects.bulk_create(
        GatewayEvent(
            gateway="stripe",
            gateway_account="default",
            event_id=f"evt_{reference}",
            type="payment_intent.succeeded",
            object_reference=reference,
            received_at=now,
            next_attempt_at=now,
        )
        for reference in references
    )


def plain_loop(keys: list[int]) -> int:
    """Claim, ask, book: payment, bill, allocation and the two rows of the ledger, with no lock on the link, no
    timeline, no reservation, no message and nobody told. How many were done."""
    from billing import gateways

    gateway, done = gateways.get("stripe", "default"), 0
    for key in keys:
        reference = _claim(key)
        _book(key, reference, gateway.retrieve(reference).amount_received)
        done += 1
    return done


def _claim(key: int) -> str:
    from django.db import transaction

    from billing.models import GatewayEvent

    with transaction.atomic():
        found = GatewayEvent.objects.select_for_update().get(pk=key, status="received")
        found.attempts += 1
        found.save(update_fields=["attempts"])
    return found.object_reference


def _book(event_id: int, reference: str, amount: int) -> None:
    from django.db import transaction
    from django.utils import timezone

    from billing import ledger
    from billing.models import GatewayEvent, Invoice, Payment, PaymentAllocation

    now = timezone.now()
    with transaction.atomic():
        payment = Payment.objects.select_for_update().get(gateway_reference=reference)
        invoice = Invoice.objects.select_for_update().get(payment_items__payment=payment)
        payment.status, payment.amount_received, payment.currency_received = "succeeded", amount, "NOK"
        payment.succeeded_at = now
        payment.save(update_fields=["status", "amount_received", "currency_received", "succeeded_at"])
        invoice.amount_paid, invoice.status, invoice.paid_at = amount, "paid", now
        invoice.save(update_fields=["amount_paid", "status", "paid_at"])
        PaymentAllocation.objects.create(payment=payment, invoice=invoice, amount=amount, created_at=now)
        ledger.book(
            reference=f"payment:{payment.pk}",
            operator=payment.operator,
            postings=[
                ledger.Posting(ledger.gateway_account(payment), "NOK", amount),
                ledger.Posting(
                    ledger.RECEIVABLE,
                    "NOK",
                    -amount,
                    customer_id=payment.customer_id,
                    invoice_id=invoice.pk,
                    legal_entity_id=invoice.legal_entity_id,
                ),
            ],
            now=now,
            payment=payment,
        )
    GatewayEvent.objects.filter(pk=event_id).update(status="processed", processed_at=now)
