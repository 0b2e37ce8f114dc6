"""Two taps' updates may reach the gateway in the wrong order: the older sum doesn't stay, and no money is lost."""

import pytest
from django.db import transaction

from billing import gateways, ledger, payments
from billing.gateways.base import PaymentRequest
from billing.models import Invoice, InvoiceReservation, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def tap(link: PaymentLink, *bills: Invoice) -> Payment:
    with transaction.atomic():
        amount = sum(bill.amount_due for bill in bills)
        return payments.start(link=link, invoices=list(bills), amount_shown=amount, now=NOW)


def asked_for(standin: StandIn, reference: str | None) -> tuple[int, str]:
    """The sum and the version that stand at the gateway."""
    intent = next(each for each in standin.objects("payment_intent") if each["id"] == reference)
    return intent["amount"], intent["metadata"]["version"]


class Late:
    """A payment of two bills, of which one was unticked since; then the first tap's update arrives."""

    def __init__(self) -> None:
        owner = world.operator()
        self.account = world.account(world.customer(owner), world.legal_entity(owner))
        self.link = world.link(self.account.customer)
        self.kept, self.unticked = world.bill(self.account, 500), world.bill(self.account, 700)
        older = tap(self.link, self.kept, self.unticked)
        self.update = PaymentRequest(
            payment_reference=older.reference, version=older.version, amount=older.amount, currency=older.currency
        )
        payments.open_at_gateway(older.pk, NOW)
        self.opened = payments.open_at_gateway(tap(self.link, self.kept).pk, NOW)
        self.payment = self.opened.payment

    def arrive(self) -> None:
        reference = self.payment.gateway_reference
        assert reference
        gateways.of(self.payment).update(reference, self.update)


@pytest.fixture
def late(standin: StandIn) -> Late:
    return Late()


def test_the_newest_sum_is_put_back_by_whoever_asks_next(standin: StandIn, late: Late) -> None:
    late.arrive()
    assert asked_for(standin, late.payment.gateway_reference) == (1200, "1")
    payment = payments.refresh(late.payment.pk, NOW)
    assert asked_for(standin, payment.gateway_reference) == (500, "2")
    assert (payment.status, payment.version_at_gateway) == ("created", 2)
    assert [row.invoice_id for row in InvoiceReservation.objects.filter(released_at=None)] == [late.kept.pk]


def test_what_stands_as_it_should_is_only_asked_about(standin: StandIn, late: Late) -> None:
    before = len(standin.log)
    payments.refresh(late.payment.pk, NOW)
    assert [each["method"] for each in list(standin.log)[before:]] == ["GET"]


def test_an_update_that_the_gateway_never_confirmed_is_not_made_by_a_sweep(standin: StandIn, late: Late) -> None:
    """Its bills are reserved still, and whoever tapped makes it."""
    tap(late.link, late.kept, late.unticked)
    payment = payments.refresh(late.payment.pk, NOW)
    assert (payment.version, payment.version_at_gateway) == (3, 2)
    assert asked_for(standin, payment.gateway_reference) == (500, "2")


def test_the_older_sum_paid_in_between_pays_what_that_phone_showed(standin: StandIn, late: Late) -> None:
    late.arrive()
    world.confirm(standin, late.opened.client_secret)
    payment = payments.refresh(late.payment.pk, NOW)
    assert (payment.status, payment.amount_received, payment.needs_person) == ("succeeded", 1200, "")
    assert set(Invoice.objects.values_list("status", flat=True)) == {"paid"}
    world.assert_books_balance()


def test_what_was_paid_elsewhere_meanwhile_becomes_credit_and_a_persons_work(standin: StandIn, late: Late) -> None:
    other = payments.open_at_gateway(tap(world.link(late.account.customer), late.unticked).pk, NOW)
    world.confirm(standin, other.client_secret)
    assert payments.refresh(other.payment.pk, NOW).status == "succeeded"
    late.arrive()
    world.confirm(standin, late.opened.client_secret)
    payment = payments.refresh(late.payment.pk, NOW)
    assert (payment.status, payment.needs_person) == ("succeeded", "amount_unlike_asked")
    credit = ledger.LedgerPosting.objects.get(account="credit")
    assert (credit.amount, credit.customer_id) == (-700, late.account.customer_id)
    world.assert_books_balance()
