"""What was refunded is said plainly: on the link's page, on the payment's, and on its receipt."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import links, payments, receipts, refunds
from billing.models import Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from tests.payportal.pages.test_changes import bills, pay, today
from tests.payportal.pages.test_status import begin, confirm, path, switch_everything_on

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(standin: StandIn, link: PaymentLink) -> Payment:
    payment = begin(link, "sports-weekend")
    confirm(standin, payment)
    payment = payments.refresh(payment.pk, timezone.now())
    switch_everything_on()
    return payment


def give_back(standin: StandIn, payment: Payment, amount: int | None = None) -> None:
    standin.refund(payment.gateway_reference or "", amount)
    assert refunds.refresh(payment.pk, timezone.now())


def test_the_links_page_says_it_and_what_it_means(
    standin: StandIn, phone: Client, link: PaymentLink, paid: Payment
) -> None:
    assert "refunded" not in phone.get(links.path(link)).content.decode()
    give_back(standin, paid, 9900)
    shown = phone.get(links.path(link)).content.decode()
    assert f"NOK\u00a099.00 was refunded on {today(link)}." in shown
    assert "It goes back the way it was paid" in shown


def test_with_another_bill_to_pay_it_says_both(standin: StandIn, phone: Client, link: PaymentLink) -> None:
    late, _mobile = bills(link)
    pay(standin, link, [late])
    give_back(standin, Payment.objects.get(), 100)
    shown = phone.get(links.path(link)).content.decode()
    assert "NOK\u00a01.00 was refunded on" in shown
    assert "399.00" in shown


def test_it_costs_the_page_no_query(standin: StandIn, phone: Client, link: PaymentLink, paid: Payment) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            phone.get(f"/p/{link.selector}/")
        return len(seen)

    phone.get(links.path(link))
    cost()
    before = cost()
    give_back(standin, paid, 9900)
    assert cost() == before


def test_somebody_elses_link_says_nothing_of_it(
    standin: StandIn, phone: Client, link: PaymentLink, paid: Payment
) -> None:
    give_back(standin, paid, 9900)
    other = links.create(customer=link.customer, currency="NOK", actor="staff:1", now=timezone.now())
    assert "refunded" not in phone.get(links.path(other)).content.decode()


def test_a_part_is_a_step_of_the_payments_page(standin: StandIn, phone: Client, paid: Payment) -> None:
    give_back(standin, paid, 9900)
    shown = phone.get(path(paid)).content.decode()
    assert "Everything is on" in shown
    assert "<b>Refunded</b><small><bdi>NOK\u00a099.00" in shown


def test_all_of_it_is_what_the_payments_page_says_first(standin: StandIn, phone: Client, paid: Payment) -> None:
    give_back(standin, paid)
    shown = phone.get(path(paid)).content.decode()
    assert "<h1>Refunded</h1>" in shown
    assert f"NOK\u00a01,146.00 was refunded on {today(paid.link)}." in shown
    assert "See the receipt" in shown
    assert "hx-trigger" not in shown


def test_the_receipt_lists_each(standin: StandIn, phone: Client, paid: Payment) -> None:
    give_back(standin, paid, 9900)
    give_back(standin, paid, 100)
    shown = phone.get(f"/r/{receipts.token(paid)}").content.decode()
    assert "Receipt, paid" in shown
    assert shown.count(f"Refunded on {today(paid.link)} {timezone.now().year}") == 2
    assert "NOK\u00a099.00" in shown
    assert "NOK\u00a01.00" in shown


def test_the_receipt_of_what_all_went_back_says_so(standin: StandIn, phone: Client, paid: Payment) -> None:
    give_back(standin, paid)
    assert "Receipt, refunded" in phone.get(f"/r/{receipts.token(paid)}").content.decode()


def test_a_refund_that_failed_is_no_longer_said(
    standin: StandIn, phone: Client, link: PaymentLink, paid: Payment
) -> None:
    give_back(standin, paid)
    [known] = standin_refunds(standin, paid)
    refunds.hear(paid.pk, [known], timezone.now())
    assert "refunded" not in phone.get(links.path(link)).content.decode()
    assert "Everything is on" in phone.get(path(paid)).content.decode()


def standin_refunds(standin: StandIn, payment: Payment) -> list[refunds.GatewayRefund]:
    """What the gateway says of it after the payer's bank sent it back."""
    from dataclasses import replace

    from billing import gateways

    return [replace(each, status="failed") for each in gateways.of(payment).refunds_of(payment.gateway_reference or "")]
