"""How many SQL queries the payment page makes: the same few, whatever there is to pay."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing import invoices, links
from billing.models import BillingAccount, Customer, Invoice
from payportal.pages import operators

MOST = 6
COMPUTER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
APP = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 Version/4.0 Chrome/126.0 Mobile Safari/537.36"


def owe(customer: Customer, count: int, now: datetime) -> None:
    """Leave the customer with exactly so many open bills."""
    open_bills = Invoice.objects.of_customer(customer.pk, "NOK").owed()
    for bill in open_bills.late_first()[count:]:
        Invoice.objects.filter(pk=bill.pk).update(status=Invoice.Status.UNCOLLECTIBLE)
    account = BillingAccount.objects.filter(customer=customer).select_related("legal_entity__operator").first()
    assert account
    for number in range(open_bills.count(), count):
        on = now.date() + timedelta(days=number - 5)
        line = invoices.LineData(names={"en": "Mobile"}, amount=39900)
        data = invoices.InvoiceData(
            number=f"q-{number}", currency="NOK", amount=39900, vat_amount=0, issued_on=on, due_on=on, lines=[line]
        )
        invoices.issue(account=account, data=data, now=now)
    assert open_bills.count() == count


@pytest.mark.parametrize("count", [1, 5, 50])
def test_no_more_than_six_queries_however_many_bills(
    customer: Customer, phone: Client, now: datetime, count: int
) -> None:
    owe(customer, count, now)
    link = links.create(customer=customer, currency="NOK", actor="system:test", now=now)
    # A process that has just started reads its operators as well.
    operators.forget()
    with CaptureQueriesContext(connection) as first:
        opened = phone.get(links.path(link))
    with CaptureQueriesContext(connection) as by_cookie:
        again = phone.get(f"/p/{link.selector}/")
    with CaptureQueriesContext(connection) as ticked:
        summed = phone.post(
            f"/p/{link.selector}/sum",
            {"bill": [], "csrfmiddlewaretoken": phone.cookies["csrftoken"].value},
            headers={"HX-Request": "true"},
        )
    assert opened.content.count(b'name="bill"') == again.content.count(b'name="bill"') == count
    assert summed.status_code == 200
    assert max(len(first), len(by_cookie), len(ticked)) <= MOST
    assert len(by_cookie) < len(first)


@pytest.mark.parametrize("name", [COMPUTER, APP])
def test_telling_who_opened_it_takes_no_more(customer: Customer, phone: Client, now: datetime, name: str) -> None:
    """The first opening inside an app, and a further device after somebody opened it, are told in one statement."""
    owe(customer, 5, now)
    link = links.create(customer=customer, currency="NOK", actor="system:test", now=now)
    for headers in ({"user-agent": name}, {}, {"user-agent": name}):
        operators.forget()
        with CaptureQueriesContext(connection) as asked:
            phone.get(links.path(link), headers=headers)
        assert len(asked) <= MOST


@pytest.mark.parametrize("count", [1, 5])
def test_a_page_that_somebody_else_is_paying_needs_no_more(
    customer: Customer, phone: Client, now: datetime, count: int
) -> None:
    from billing import payments

    owe(customer, count, now)
    bills = list(Invoice.objects.of_customer(customer.pk, "NOK").owed())
    other, link = (links.create(customer=customer, currency="NOK", actor="system:test", now=now) for _ in range(2))
    payments.start(link=other, invoices=bills, amount_shown=sum(bill.amount_due for bill in bills), now=now)
    operators.forget()
    with CaptureQueriesContext(connection) as first:
        opened = phone.get(links.path(link))
    assert b"takeover" in opened.content
    assert len(first) <= MOST
