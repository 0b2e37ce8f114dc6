"""Threads on real PostgreSQL: however they meet, money is asked for once and booked once."""

import pytest
from django.db import transaction

from billing import links, payments
from billing.gateways.base import GatewayPayment
from billing.models import Invoice, InvoiceReservation, LedgerEntry, LinkEvent, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.threads import at_once, errors
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def tap(link: PaymentLink, *bills: Invoice) -> Payment:
    with transaction.atomic():
        payments.lock_link(link)
        return payments.start(
            link=link, invoices=list(bills), amount_shown=sum(bill.amount_due for bill in bills), now=NOW
        )


def a_customer_with_bills(*amounts: int) -> tuple[PaymentLink, list[Invoice]]:
    owner = world.operator(f"race{Payment.objects.count()}{Invoice.objects.count()}", is_default=False)
    account = world.account(world.customer(owner), world.legal_entity(owner))
    return world.link(account.customer), [world.bill(account, amount) for amount in amounts]


def double_tap(standin: StandIn) -> None:
    link, (bill,) = a_customer_with_bills(39900)

    def tap_and_open() -> str:
        return payments.open_at_gateway(tap(link, bill).pk, NOW).client_secret

    secrets = at_once(*[tap_and_open] * 4)
    assert errors(secrets) == []
    assert len(set(secrets)) == 1
    (payment,) = Payment.objects.filter(link=link)
    intents = [each for each in standin.objects("payment_intent") if each["metadata"]["payment"] == payment.reference]
    assert len(intents) == 1


def test_a_double_tap_makes_one_object(standin: StandIn) -> None:
    """CASES fault 6."""
    double_tap(standin)


@pytest.mark.slow
def test_a_double_tap_makes_one_object_fifty_times(standin: StandIn) -> None:
    for _ in range(50):
        double_tap(standin)


def two_links(standin: StandIn) -> None:
    link, (bill,) = a_customer_with_bills(39900)
    other = links.create(customer=link.customer, currency="NOK", actor="staff:1", now=NOW)
    results = at_once(lambda: tap(link, bill), lambda: tap(other, bill))
    (refused,) = errors(results)
    assert isinstance(refused, payments.BillsTaken)
    assert InvoiceReservation.objects.filter(invoice=bill, released_at=None).count() == 1


def test_two_links_on_one_bill_make_one_payment(standin: StandIn) -> None:
    two_links(standin)


@pytest.mark.slow
def test_two_links_on_one_bill_make_one_payment_a_hundred_times(standin: StandIn) -> None:
    for _ in range(100):
        two_links(standin)


def settle_at_once(standin: StandIn) -> None:
    """Return page, webhook and sweep at the same moment."""
    link, bills = a_customer_with_bills(64800, 39900)
    opened = payments.open_at_gateway(tap(link, *bills).pk, NOW)
    world.confirm(standin, opened.client_secret)
    key = opened.payment.pk
    results = at_once(*[lambda: payments.refresh(key, NOW).status] * 4)
    assert results == ["succeeded"] * 4
    assert LedgerEntry.objects.filter(payment_id=key).count() == 1
    assert LinkEvent.objects.filter(payment_id=key, kind="succeeded").count() == 1
    assert not LinkEvent.objects.filter(payment_id=key, kind="failed").exists()


def test_return_page_webhook_and_sweep_at_once_book_once(standin: StandIn) -> None:
    """CASES fault 5."""
    settle_at_once(standin)
    world.assert_books_balance()


@pytest.mark.slow
def test_return_page_webhook_and_sweep_at_once_book_once_two_hundred_times(standin: StandIn) -> None:
    for _ in range(200):
        settle_at_once(standin)
    world.assert_books_balance()


def pay_against_take_over(standin: StandIn) -> None:
    link, (bill,) = a_customer_with_bills(39900)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    other = links.create(customer=link.customer, currency="NOK", actor="staff:1", now=NOW)

    def pay_elsewhere() -> bool:
        if not payments.take_over(opened.payment.pk, actor="customer:2", now=NOW):
            return False
        secret = payments.open_at_gateway(tap(other, bill).pk, NOW).client_secret
        world.confirm(standin, secret)
        return True

    results = at_once(lambda: world.confirm(standin, opened.client_secret), pay_elsewhere)
    assert errors(results) == []
    for payment in Payment.objects.filter(link__in=[link, other]):
        payments.refresh(payment.pk, NOW)
    bill.refresh_from_db()
    assert bill.status == "paid"
    references = set(Payment.objects.filter(link__in=[link, other]).values_list("reference", flat=True))
    taken = [charge for charge in standin.paid_charges() if charge["metadata"].get("payment") in references]
    assert len(taken) == 1
    assert Payment.objects.filter(link__in=[link, other], status="succeeded").count() == 1


def test_paying_against_taking_over_takes_the_money_once(standin: StandIn) -> None:
    pay_against_take_over(standin)
    world.assert_books_balance()


@pytest.mark.slow
def test_paying_against_taking_over_takes_the_money_once_a_hundred_times(standin: StandIn) -> None:
    for _ in range(100):
        pay_against_take_over(standin)
    world.assert_books_balance()


def test_two_payments_over_the_same_bills_in_opposite_order_do_not_deadlock(standin: StandIn) -> None:
    """Invoices are locked in primary-key order, whatever order they are named in."""
    link, bills = a_customer_with_bills(100, 200, 300)
    other = links.create(customer=link.customer, currency="NOK", actor="staff:1", now=NOW)
    for _ in range(10):
        results = at_once(lambda: tap(link, *bills), lambda: tap(other, *reversed(bills)))
        assert all(isinstance(error, payments.BillsTaken) for error in errors(results))
        for payment in Payment.objects.filter(status="created"):
            assert payments.cancel(payment.pk, NOW) is True


def test_a_stale_answer_after_the_success_changes_nothing(standin: StandIn) -> None:
    link, (bill,) = a_customer_with_bills(39900)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    world.confirm(standin, opened.client_secret)
    payments.refresh(opened.payment.pk, NOW)
    for status in ("created", "processing", "failed", "canceled"):
        stale = GatewayPayment(
            reference=opened.payment.gateway_reference or "",
            status=status,
            amount=39900,
            currency="NOK",
            metadata={"payment": opened.payment.reference, "version": "1"},
        )
        assert payments.settle(opened.payment.pk, stale, NOW) is False
    assert Payment.objects.get(pk=opened.payment.pk).status == "succeeded"
