"""From the tap to the books: starting, opening at the gateway and settling."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import ledger, payments
from billing.gateways.base import GatewayPayment, GatewayUnknown
from billing.models import Invoice, InvoiceReservation, LedgerEntry, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def tap(link: PaymentLink, *bills: Invoice, shown: int | None = None) -> Payment:
    from django.db import transaction

    with transaction.atomic():
        payments.lock_link(link)
        amount = sum(bill.amount_due for bill in bills) if shown is None else shown
        return payments.start(link=link, invoices=list(bills), amount_shown=amount, now=NOW)


@pytest.fixture
def operator(standin: StandIn):
    return world.operator()


@pytest.fixture
def account(operator):
    return world.account(world.customer(operator), world.legal_entity(operator))


@pytest.fixture
def link(account) -> PaymentLink:
    return world.link(account.customer)


def test_a_tap_and_a_good_card_pay_the_bills(standin: StandIn, account, link) -> None:
    late, other = world.bill(account, 64800), world.bill(account, 39900)
    opened = payments.open_at_gateway(tap(link, late, other).pk, NOW)
    world.confirm(standin, opened.client_secret)
    payment = payments.refresh(opened.payment.pk, NOW)
    assert payment.status == "succeeded"
    assert (payment.amount_received, payment.card_last4) == (104700, "4242")
    for bill in (late, other):
        bill.refresh_from_db()
        assert bill.status == "paid"
    assert ledger.balance(account.customer_id, "NOK") == 0
    assert not InvoiceReservation.objects.filter(released_at=None).exists()
    world.assert_books_balance()


def test_settling_twice_books_once(standin: StandIn, account, link) -> None:
    bill = world.bill(account)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    world.confirm(standin, opened.client_secret)
    payments.refresh(opened.payment.pk, NOW)
    truth = GatewayPayment(
        reference=Payment.objects.get().gateway_reference,
        status="succeeded",
        amount=39900,
        currency="NOK",
        amount_received=39900,
        metadata={"payment": opened.payment.reference, "version": "1"},
    )
    assert payments.settle(opened.payment.pk, truth, NOW) is False
    assert LedgerEntry.objects.filter(kind="payment").count() == 1
    world.assert_books_balance()


def test_tapping_twice_makes_one_object_at_the_gateway(standin: StandIn, account, link) -> None:
    bill = world.bill(account)
    first = payments.open_at_gateway(tap(link, bill).pk, NOW)
    second = payments.open_at_gateway(tap(link, bill).pk, NOW)
    assert first.client_secret == second.client_secret
    assert len(standin.objects("payment_intent")) == 1
    assert Payment.objects.count() == 1


def test_another_tick_changes_the_sum_of_the_same_object(standin: StandIn, account, link) -> None:
    one, two = world.bill(account, 100), world.bill(account, 250)
    payments.open_at_gateway(tap(link, one).pk, NOW)
    opened = payments.open_at_gateway(tap(link, one, two).pk, NOW)
    (intent,) = standin.objects("payment_intent")
    assert (intent["amount"], intent["metadata"]["version"]) == (350, "2")
    assert opened.payment.version_at_gateway == 2


def test_what_is_no_longer_ticked_is_let_go_once_the_gateway_agreed(standin: StandIn, account, link) -> None:
    one, two = world.bill(account, 100), world.bill(account, 250)
    payments.open_at_gateway(tap(link, one, two).pk, NOW)
    payment = tap(link, one)
    assert InvoiceReservation.objects.filter(released_at=None).count() == 2
    payments.open_at_gateway(payment.pk, NOW)
    assert [row.invoice_id for row in InvoiceReservation.objects.filter(released_at=None)] == [one.pk]


def test_a_phone_with_the_older_sum_pays_just_what_it_showed(standin: StandIn, account, link) -> None:
    """The charge says which version it was for, whatever was ticked since."""
    one, two = world.bill(account, 100), world.bill(account, 250)
    opened = payments.open_at_gateway(tap(link, one).pk, NOW)
    payment = tap(link, one, two)
    world.confirm(standin, opened.client_secret)
    with pytest.raises(payments.PaymentGone):
        payments.open_at_gateway(payment.pk, NOW)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.status, two.status) == ("paid", "open")
    assert not InvoiceReservation.objects.filter(released_at=None).exists()
    assert Payment.objects.get().needs_person == ""
    world.assert_books_balance()


def test_another_amount_than_shown_writes_nothing(account, link) -> None:
    with pytest.raises(payments.AmountChanged):
        tap(link, world.bill(account, 100), shown=99)
    assert not Payment.objects.exists()


def test_nothing_due_writes_nothing(account, link) -> None:
    with pytest.raises(payments.NothingDue):
        tap(link, shown=0)
    assert not Payment.objects.exists()


def test_another_link_finds_the_bill_taken(standin: StandIn, account, link) -> None:
    """Two links, one invoice: one payment (CASES fault 6)."""
    bill = world.bill(account)
    first = tap(link, bill)
    with pytest.raises(payments.BillsTaken) as taken:
        tap(world.link(account.customer), bill)
    assert taken.value.payment == first
    assert payments.blocking(world.link(account.customer)) == first
    assert payments.blocking(link) is None


def test_taking_over_waits_for_the_gateway_to_cancel(standin: StandIn, account, link) -> None:
    bill = world.bill(account)
    first = payments.open_at_gateway(tap(link, bill).pk, NOW).payment
    assert payments.take_over(first.pk, actor="customer:2", now=NOW) is True
    (intent,) = standin.objects("payment_intent")
    assert intent["status"] == "canceled"
    second = payments.open_at_gateway(tap(world.link(account.customer), bill).pk, NOW)
    world.confirm(standin, second.client_secret)
    assert payments.refresh(second.payment.pk, NOW).status == "succeeded"
    assert len(standin.paid_charges()) == 1


def test_taking_over_too_late_finds_it_paid(standin: StandIn, account, link) -> None:
    bill = world.bill(account)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    world.confirm(standin, opened.client_secret)
    assert payments.take_over(opened.payment.pk, actor="customer:2", now=NOW) is False
    bill.refresh_from_db()
    assert bill.status == "paid"
    world.assert_books_balance()


def test_taking_over_without_an_answer_releases_nothing(standin: StandIn, account, link) -> None:
    bill = world.bill(account)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    standin.switches.add_fault("reset_before", path="*/cancel", times=2)
    with pytest.raises(GatewayUnknown):
        payments.take_over(opened.payment.pk, actor="customer:2", now=NOW)
    assert InvoiceReservation.objects.filter(released_at=None).count() == 1


def test_a_declined_card_and_then_a_good_one_pay_on_the_same_object(standin: StandIn, account, link) -> None:
    """CASES fault 12."""
    bill = world.bill(account)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    world.confirm(standin, opened.client_secret, world.DECLINED_CARD)
    declined = payments.refresh(opened.payment.pk, NOW)
    assert (declined.status, declined.failure_code) == ("failed", "generic_decline")
    again = payments.open_at_gateway(tap(link, bill).pk, NOW)
    assert again.client_secret == opened.client_secret
    world.confirm(standin, again.client_secret)
    assert payments.refresh(opened.payment.pk, NOW).status == "succeeded"
    assert len(standin.paid_charges()) == 1
    world.assert_books_balance()


@pytest.mark.parametrize(
    "fault",
    ["reset_after", pytest.param("hang_after", marks=pytest.mark.slow), "broken_body", "reset_before", "status_500"],
)
def test_a_lost_answer_to_the_creating_call_makes_no_second_object(standin: StandIn, account, link, fault: str) -> None:
    """CASES fault 11: unknown until asked, one object."""
    bill = world.bill(account)
    payment = tap(link, bill)
    standin.switches.add_fault(fault, path="/v1/payment_intents", times=2, seconds=2.5)
    with pytest.raises(GatewayUnknown):
        payments.open_at_gateway(payment.pk, NOW)
    standin.switches.clear()
    opened = payments.open_at_gateway(payment.pk, NOW)
    assert len(standin.objects("payment_intent")) == 1
    world.confirm(standin, opened.client_secret)
    assert payments.refresh(payment.pk, NOW).status == "succeeded"


def test_a_500_that_stripe_keeps_under_the_key_is_got_round_by_its_list(standin: StandIn, account, link) -> None:
    """The object was made, but the key answers 500 for a day."""
    payment = tap(link, world.bill(account))
    # The stand-in's objects are of the real today, and its list is asked for what was made since.
    Payment.objects.update(created_at=timezone.now())
    standin.switches.add_fault("status_500_after", path="/v1/payment_intents", times=1)
    with pytest.raises(GatewayUnknown):
        payments.open_at_gateway(payment.pk, NOW)
    later = NOW + timedelta(seconds=10)
    opened = payments.open_at_gateway(payment.pk, later)
    assert len(standin.objects("payment_intent")) == 1
    world.confirm(standin, opened.client_secret)
    assert payments.refresh(payment.pk, later).status == "succeeded"


def test_a_key_that_only_ever_failed_is_replaced_in_the_end(standin: StandIn, account, link) -> None:
    payment = tap(link, world.bill(account))
    standin.switches.add_fault("status_500", path="/v1/payment_intents", times=4)
    for seconds in (0, 130):
        with pytest.raises(GatewayUnknown):
            payments.open_at_gateway(payment.pk, NOW + timedelta(seconds=seconds))
    assert Payment.objects.get().requested_at is None
    assert payments.open_at_gateway(payment.pk, NOW + timedelta(seconds=131)).client_secret
    assert len(standin.objects("payment_intent")) == 1


def test_the_sweep_settles_what_no_webhook_brought(standin: StandIn, account, link) -> None:
    bill = world.bill(account)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    world.confirm(standin, opened.client_secret)
    assert payments.reconcile(NOW + timedelta(seconds=20)) == 1
    bill.refresh_from_db()
    assert bill.status == "paid"
    assert payments.reconcile(NOW + timedelta(seconds=60)) == 0


def test_the_sweep_cancels_what_was_left_and_releases_on_the_answer(standin: StandIn, account, link) -> None:
    payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW)
    payments.reconcile(NOW + timedelta(minutes=29))
    assert Payment.objects.get().status == "created"
    payments.reconcile(NOW + timedelta(minutes=31))
    assert Payment.objects.get().status == "canceled"
    assert not InvoiceReservation.objects.filter(released_at=None).exists()


def test_a_tap_that_never_reached_the_gateway_is_canceled_in_the_end(standin: StandIn, account, link) -> None:
    """Killed between commit and call: nothing was ever asked for."""
    tap(link, world.bill(account))
    payments.reconcile(NOW + timedelta(minutes=31))
    assert Payment.objects.get().status == "canceled"
    assert not InvoiceReservation.objects.filter(released_at=None).exists()


def test_money_that_came_for_a_paid_bill_becomes_credit_and_a_persons_work(standin: StandIn, account, link) -> None:
    bill = world.bill(account, 5000)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    world.confirm(standin, opened.client_secret)
    Invoice.objects.filter(pk=bill.pk).update(status="uncollectible")
    other = world.bill(account, 700)
    Invoice.objects.filter(pk=bill.pk).update(status="void")
    payments.refresh(opened.payment.pk, NOW)
    payment = Payment.objects.get()
    assert (payment.status, payment.needs_person) == ("succeeded", "amount_unlike_asked")
    credit = ledger.LedgerPosting.objects.get(account="credit")
    assert (credit.amount, credit.customer_id) == (-5000, account.customer_id)
    assert other.amount_due == 700


@pytest.mark.parametrize("received", [1, 4999, 5000, 5001, 0])
def test_part_over_zero_and_one_cent_are_booked_as_received(standin: StandIn, account, link, received: int) -> None:
    """CASES fault 8."""
    bill = world.bill(account, 5000)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    truth = GatewayPayment(
        reference=opened.payment.gateway_reference or "",
        status="succeeded",
        amount=5000,
        currency="NOK",
        amount_received=received,
        metadata={"payment": opened.payment.reference, "version": "1"},
    )
    assert payments.settle(opened.payment.pk, truth, NOW) is True
    bill.refresh_from_db()
    assert bill.amount_paid == min(received, 5000)
    assert (Payment.objects.get().needs_person == "") == (received == 5000)
    world.assert_books_balance()


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1047), ("KWD", 104700)])
def test_yen_and_dinar_survive_the_round_trip(standin: StandIn, currency: str, amount: int) -> None:
    owner = world.operator("faraway", currency=currency)
    account = world.account(world.customer(owner), world.legal_entity(owner))
    bill = world.bill(account, amount, currency=currency)
    opened = payments.open_at_gateway(tap(world.link(account.customer), bill).pk, NOW)
    world.confirm(standin, opened.client_secret)
    payment = payments.refresh(opened.payment.pk, NOW)
    assert (payment.amount_received, payment.currency_received) == (amount, currency)
    world.assert_books_balance()


def test_another_currency_than_asked_goes_to_credit(standin: StandIn, account, link) -> None:
    bill = world.bill(account, 5000)
    opened = payments.open_at_gateway(tap(link, bill).pk, NOW)
    truth = GatewayPayment(
        reference=opened.payment.gateway_reference or "",
        status="succeeded",
        amount=5000,
        currency="EUR",
        amount_received=5000,
        metadata={"payment": opened.payment.reference, "version": "1"},
    )
    payments.settle(opened.payment.pk, truth, NOW)
    bill.refresh_from_db()
    assert bill.status == "open"
    assert ledger.balance(account.customer_id, "EUR") == -5000
    assert Payment.objects.get().needs_person == "currency_unlike_asked"


def test_another_object_of_the_gateway_settles_nothing(standin: StandIn, account, link) -> None:
    opened = payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW)
    stranger = GatewayPayment(
        reference="pi_stranger",
        status="succeeded",
        amount=39900,
        currency="NOK",
        amount_received=39900,
        metadata={"payment": opened.payment.reference},
    )
    assert payments.settle(opened.payment.pk, stranger, NOW) is False
    assert Payment.objects.get().status == "created"


def test_succeeded_wins_over_canceled(standin: StandIn, account, link) -> None:
    """Law 6: money that came is booked from every state of ours."""
    bill = world.bill(account)
    payment = payments.open_at_gateway(tap(link, bill).pk, NOW).payment
    said = {"payment": payment.reference, "version": "1"}
    common = {"reference": payment.gateway_reference, "amount": 39900, "currency": "NOK", "metadata": said}
    payments.settle(payment.pk, GatewayPayment(status="canceled", **common), NOW)
    payments.settle(payment.pk, GatewayPayment(status="succeeded", amount_received=39900, **common), NOW)
    bill.refresh_from_db()
    assert bill.status == "paid"
    assert Payment.objects.get().needs_person == "came_after_cancel"
    world.assert_books_balance()
