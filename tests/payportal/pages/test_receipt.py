"""The receipt: what was paid, the tax in it, to whom; for good."""

import pytest
from django.test import Client
from django.utils import timezone

from billing import links, payments, receipts
from billing.models import Invoice, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from payportal.pages import payer
from tests import world
from tests.payportal.pages.test_status import begin, confirm

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(standin: StandIn, link: PaymentLink) -> Payment:
    """Both bills and a package, paid."""
    payment = begin(link, "films")
    confirm(standin, payment)
    return payments.refresh(payment.pk, timezone.now())


def shown(phone: Client, payment: Payment, **headers: str) -> str:
    answer = phone.get(f"/r/{receipts.token(payment)}", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_works(phone: Client, paid: Payment) -> None:
    receipt = shown(phone, paid)
    for words in (
        "Receipt, paid",
        "1,176.00",
        "Broadband and TV",
        "NOK\u00a0648.00",
        "Films",
        "NOK\u00a0129.00",
        "Card ending 4242",
        paid.reference,
        "Brisvik Net AS (made up)",
        "Storgata 0",
    ):
        assert words in receipt, words


def test_the_tax_is_what_the_lines_say(phone: Client, paid: Payment) -> None:
    tax = sum(
        line.vat_amount for invoice in Invoice.objects.filter(allocations__payment=paid) for line in invoice.lines.all()
    )
    assert tax == 23520
    receipt = shown(phone, paid)
    assert "Of this, VAT 25 %" in receipt
    assert "NOK\u00a0235.20" in receipt


def test_it_shows_the_payment_and_not_the_account(phone: Client, paid: Payment) -> None:
    receipt = shown(phone, paid)
    for private in ("Kari", "Holt", "7700", "40 GB", paid.link.selector):
        assert private not in receipt


def test_it_outlives_the_link(phone: Client, paid: Payment) -> None:
    links.revoke(paid.link, actor="staff:1", now=timezone.now())
    assert "1,176.00" in shown(phone, paid)


def test_it_outlives_a_new_key(phone: Client, paid: Payment, settings: object) -> None:
    token = receipts.token(paid)
    settings.RECEIPT_KEYS = {**settings.RECEIPT_KEYS, 2: b"another key of thirty-two bytes!"}  # type: ignore[attr-defined]
    assert receipts.token(paid) != token
    assert phone.get(f"/r/{token}").status_code == 200


def test_it_speaks_norwegian(phone: Client, paid: Payment) -> None:
    receipt = shown(phone, paid, **{"accept-language": "nb"})
    assert "Kvittering, betalt" in receipt
    assert "Av dette 25 % mva." in receipt
    assert "Kort som slutter på 4242" in receipt


def test_money_for_no_bill_is_said_to_be_the_customers(phone: Client, standin: StandIn, link: PaymentLink) -> None:
    payment = begin(link)
    Invoice.objects.filter(amount=39900).update(status="uncollectible")
    Invoice.objects.filter(amount=64800).update(status="void")
    confirm(standin, payment)
    paid = payments.refresh(payment.pk, timezone.now())
    receipt = shown(phone, paid)
    assert "Kept as your credit" in receipt
    assert "NOK\u00a0648.00" in receipt


def test_what_is_not_paid_has_no_receipt(phone: Client, standin: StandIn, link: PaymentLink) -> None:
    answer = phone.get(f"/r/{receipts.token(begin(link))}")
    assert answer.status_code == 404
    assert b"This link no longer works" in answer.content


def test_it_is_found_again_by_who_owes_nothing_more(phone: Client, paid: Payment) -> None:
    phone.cookies[payer.COOKIE] = links.status_token(paid)
    page = phone.get(links.path(paid.link)).content.decode()
    assert "Nothing to pay" in page
    assert f"/r/{receipts.token(paid)}" in page
    other = world.link(paid.customer, now=timezone.now())
    assert "/r/" not in phone.get(links.path(other)).content.decode()
