"""A small made-up telecom, and a browser at Stripe: what tests need before they can begin."""

import itertools
from datetime import UTC, date, datetime, timedelta

import requests
from django.db import transaction

from billing import invoices, ledger, links, payments
from billing.models import BillingAccount, Customer, Invoice, LegalEntity, Operator, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn

_numbers = itertools.count(1)
GOOD_CARD = "pm_card_visa"
DECLINED_CARD = "pm_card_chargeDeclined"
NOW = datetime(2026, 11, 22, 17, 58, tzinfo=UTC)


def operator(code: str = "brisvik", *, currency: str = "NOK", **fields: object) -> Operator:
    """A telecom; its host is made of its code."""
    values: dict[str, object] = {
        "name": code.title(),
        "host": f"{code}.test",
        "is_default": code == "brisvik",
        "brand_color": "#0d4a59",
        "currency": currency,
        "country": "NO",
        "languages": ["en", "nb"],
        "time_zone": "Europe/Oslo",
        "help_phone": "+441632960018",
        "channel": "outbox",
        **fields,
    }
    return Operator.objects.create(code=code, **values)


def legal_entity(owner: Operator) -> LegalEntity:
    """A company of that telecom."""
    return LegalEntity.objects.create(
        operator=owner, name=f"{owner.name} Net AS (made up)", organization_number=f"000 000 {next(_numbers):03d}"
    )


def customer(owner: Operator, **fields: object) -> Customer:
    """Somebody made up."""
    number = next(_numbers)
    values: dict[str, object] = {
        "reference": f"C{number}",
        "name": "Kari Example",
        "phone": f"+44770090{number % 10000:04d}",
        "created_at": NOW,
        **fields,
    }
    return Customer.objects.create(operator=owner, **values)


def account(owner: Customer, entity: LegalEntity, name: str = "Mobile") -> BillingAccount:
    """A customer number."""
    return BillingAccount.objects.create(
        customer=owner, legal_entity=entity, number=f"A{next(_numbers)}", names={"en": name}, created_at=NOW
    )


def bill(
    owner: BillingAccount,
    amount: int = 39900,
    *,
    due_on: date | None = None,
    currency: str = "NOK",
    now: datetime = NOW,
) -> Invoice:
    """An open bill of one line, due in ten days unless said otherwise."""
    data = invoices.InvoiceData(
        number=f"B{next(_numbers)}",
        currency=currency,
        amount=amount,
        vat_amount=0,
        issued_on=now.date(),
        due_on=due_on or now.date() + timedelta(days=10),
        lines=[invoices.LineData(names={"en": "Subscription"}, amount=amount)],
    )
    return invoices.issue(account=owner, data=data, now=now)


def link(owner: Customer, *, now: datetime = NOW, currency: str | None = None) -> PaymentLink:
    """A fresh link to a customer's bills."""
    return links.create(customer=owner, currency=currency or owner.operator.currency, actor="staff:1", now=now)


def confirm(standin: StandIn, client_secret: str, card: str = GOOD_CARD) -> dict[str, object]:
    """What Stripe.js does in the payer's browser when the wallet or the form has been confirmed."""
    intent = client_secret.split("_secret_")[0]
    answer = requests.post(
        f"{standin.base_url}/v1/payment_intents/{intent}/confirm",
        data={
            "key": standin.keys.publishable,
            "client_secret": client_secret,
            "payment_method": card,
            "return_url": "http://testserver/s/x",
        },
        timeout=10,
    )
    body: dict[str, object] = answer.json()
    return body


def taken(standin: StandIn) -> Payment:
    """A payment of one bill of a new telecom, whose money the gateway has taken and of which we know nothing yet."""
    of = account(customer(owner := operator()), legal_entity(owner))
    begun_on, owed = link(of.customer), bill(of)
    with transaction.atomic():
        payments.lock_link(begun_on)
        payment = payments.start(link=begun_on, invoices=[owed], amount_shown=owed.amount, now=NOW)
    confirm(standin, payments.open_at_gateway(payment.pk, NOW).client_secret)
    payment.refresh_from_db()
    return payment


def assert_books_balance() -> None:
    """Paid amounts and balances equal what the ledger says, and the ledger sums to zero: after every flow."""
    for invoice in Invoice.objects.all():
        assert ledger.paid_on_invoice(invoice) == invoice.amount_paid, f"{invoice} and the ledger disagree"
        assert sum(invoice.allocations.values_list("amount", flat=True)) == invoice.amount_paid
    for each in Customer.objects.all():
        currencies = set(Invoice.objects.filter(account__customer=each).values_list("currency", flat=True))
        for currency in currencies:
            owed = sum(
                invoice.amount_due
                for invoice in Invoice.objects.of_customer(each.pk, currency).filter(
                    status__in=["open", "paid", "uncollectible"]
                )
            )
            unallocated = sum(
                payment.amount_received - sum(payment.allocations.values_list("amount", flat=True))
                for payment in Payment.objects.filter(customer=each, status="succeeded", currency_received=currency)
            )
            went_back = sum(Payment.objects.filter(customer=each).values_list("amount_refunded", flat=True))
            assert ledger.balance(each.pk, currency) == owed - unallocated + went_back
    for payment in Payment.objects.filter(status="succeeded"):
        booked = sum(
            posting.amount
            for entry in payment.ledger_entries.all()
            for posting in entry.postings.filter(account=ledger.gateway_account(payment))
        )
        assert booked == payment.amount_received - payment.amount_refunded
