"""What changed since a link was made is said on its page, with what that means."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import ledger, links, payments
from billing.models import Customer, Invoice, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from payportal.pages import payer
from tests import world

pytestmark = pytest.mark.django_db(transaction=True)


def bills(link: PaymentLink) -> list[Invoice]:
    return list(Invoice.objects.of_customer(link.customer_id, "NOK").owed().late_first())


def pay(standin: StandIn, link: PaymentLink, paid: list[Invoice]) -> None:
    from activation import checkout

    now = timezone.now()
    payment = checkout.start(
        link=link,
        bill_ids=[bill.pk for bill in paid],
        package_ids=[],
        amount_shown=sum(bill.amount_due for bill in paid),
        now=now,
    )
    world.confirm(standin, payments.open_at_gateway(payment.pk, now).client_secret)
    payments.refresh(payment.pk, now)


def other(link: PaymentLink) -> PaymentLink:
    return links.create(customer=link.customer, currency="NOK", actor="staff:1", now=timezone.now())


def page(phone: Client, link: PaymentLink) -> str:
    return phone.get(links.path(link)).content.decode()


def today(link: PaymentLink) -> str:
    from zoneinfo import ZoneInfo

    local = timezone.localtime(timezone.now(), ZoneInfo(link.operator.time_zone))
    return f"{local.day} {local:%B}"


def test_nothing_is_said_where_nothing_changed(phone: Client, link: PaymentLink) -> None:
    shown = page(phone, link)
    assert "was paid on" not in shown
    assert "withdrawn" not in shown


def test_what_somebody_else_paid(standin: StandIn, phone: Client, link: PaymentLink) -> None:
    late, _mobile = bills(link)
    pay(standin, other(link), [late])
    shown = page(phone, link)
    assert f"Broadband and TV was paid on {today(link)}." in shown
    assert "You don’t have to pay it again." in shown
    assert "399.00" in shown
    assert shown.count('name="bill"') == 1


def test_when_all_is_paid_the_empty_page_says_it_too(standin: StandIn, phone: Client, link: PaymentLink) -> None:
    pay(standin, other(link), bills(link))
    shown = page(phone, link)
    assert "Nothing to pay" in shown
    assert f"Broadband and TV was paid on {today(link)}." in shown
    assert f"Mobile was paid on {today(link)}." in shown


def test_what_this_link_paid_has_a_receipt_instead(standin: StandIn, phone: Client, link: PaymentLink) -> None:
    pay(standin, link, bills(link))
    phone.cookies[payer.COOKIE] = links.status_token(Payment.objects.get())
    shown = page(phone, link)
    assert "See the receipt" in shown
    assert "was paid on" not in shown


def test_a_link_made_afterwards_says_nothing_of_it(standin: StandIn, phone: Client, link: PaymentLink) -> None:
    late, _mobile = bills(link)
    pay(standin, other(link), [late])
    assert "was paid on" not in page(phone, other(link))


def test_a_bill_that_was_withdrawn(phone: Client, link: PaymentLink) -> None:
    late, _mobile = bills(link)
    Invoice.objects.filter(pk=late.pk).update(status="void")
    shown = page(phone, link)
    assert "Broadband and TV: this bill was withdrawn." in shown
    assert "You owe nothing for it." in shown
    assert "399.00" in shown


def test_a_withdrawal_that_was_booked_before_the_link_is_no_news(phone: Client, link: PaymentLink) -> None:
    late, _mobile = bills(link)
    Invoice.objects.filter(pk=late.pk).update(status="void")
    ledger.book(
        reference=f"invoice-voided:{late.pk}",
        operator=link.operator,
        postings=[
            ledger.Posting(
                ledger.RECEIVABLE,
                "NOK",
                -late.amount,
                customer_id=link.customer_id,
                invoice_id=late.pk,
                legal_entity_id=late.legal_entity_id,
            ),
            ledger.Posting(
                ledger.REVENUE, "NOK", late.amount, invoice_id=late.pk, legal_entity_id=late.legal_entity_id
            ),
        ],
        now=timezone.now(),
    )
    assert "withdrawn" in page(phone, link)
    assert "withdrawn" not in page(phone, other(link))


def test_a_withdrawal_of_long_ago_is_no_news(phone: Client, link: PaymentLink) -> None:
    late, _mobile = bills(link)
    Invoice.objects.filter(pk=late.pk).update(status="void", due_on=timezone.now().date() - timedelta(days=70))
    assert "withdrawn" not in page(phone, link)


def test_it_costs_no_query_more(standin: StandIn, phone: Client, link: PaymentLink, customer: Customer) -> None:
    for _ in range(4):
        world.bill(customer.accounts.all()[0], now=link.created_at)
    for bill in bills(link)[:2]:
        pay(standin, other(link), [bill])
    Invoice.objects.filter(pk=bills(link)[0].pk).update(status="void")
    with CaptureQueriesContext(connection) as asked:
        shown = page(phone, link)
    assert shown.count("was paid on") == 2
    assert shown.count("withdrawn") == 1
    assert len(asked) <= 6


def test_the_tick_says_nothing_of_it(standin: StandIn, phone: Client, link: PaymentLink, now: datetime) -> None:
    """What is summed up are the bills that are owed."""
    late, mobile = bills(link)
    pay(standin, other(link), [late])
    page(phone, link)
    token = phone.cookies["csrftoken"].value
    form = {"bill": [mobile.pk], "csrfmiddlewaretoken": token}
    piece = phone.post(f"/p/{link.selector}/sum", form, headers={"hx-request": "true"}).content.decode()
    assert "399.00" in piece
    assert "was paid on" not in piece
