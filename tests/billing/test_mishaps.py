"""What may go wrong between the tap and the books besides a lost answer: nothing sticks, and nothing is lost."""

import time
from datetime import timedelta

import pytest
import stripe
from django.db import connection, transaction
from django.utils import timezone

from billing import gateways, invoices, ledger, links, payments
from billing.gateways.base import GatewayError, GatewayPayment, GatewayUnknown, PaymentRequest
from billing.models import AuditEntry, Invoice, InvoiceReservation, Payment, PaymentLink
from billing.payments import reconciling
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.threads import at_once, errors
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)
MORE_THAN_STRIPE_TAKES = 100_000_000


def tap(link: PaymentLink, *bills: Invoice, now=NOW) -> Payment:
    with transaction.atomic():
        payments.lock_link(link)
        amount = sum(bill.amount_due for bill in bills)
        return payments.start(link=link, invoices=list(bills), amount_shown=amount, now=now)


def said(payment: Payment, status: str, **fields: object) -> GatewayPayment:
    """What the gateway says of a payment, as it was asked for."""
    values = {
        "amount": payment.amount,
        "currency": payment.currency,
        "metadata": {"payment": payment.reference, "version": str(payment.version)},
        **fields,
    }
    return GatewayPayment(reference=payment.gateway_reference or "pi_1", status=status, **values)


def a_draft(account, amount: int = 9900) -> Invoice:
    lines = [invoices.LineData(names={"en": "Films"}, amount=amount)]
    return invoices.place_draft(account=account, currency="NOK", lines=lines, now=NOW)


def wait_until(is_so) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@pytest.fixture
def account(standin: StandIn):
    owner = world.operator()
    return world.account(world.customer(owner), world.legal_entity(owner))


@pytest.fixture
def link(account) -> PaymentLink:
    return world.link(account.customer)


def test_a_sum_that_the_gateway_refuses_does_not_stick_to_the_link(standin: StandIn, account, link) -> None:
    large, small = world.bill(account, MORE_THAN_STRIPE_TAKES), world.bill(account, 500)
    with pytest.raises(GatewayError):
        payments.open_at_gateway(tap(link, large, small).pk, NOW)
    opened = payments.open_at_gateway(tap(link, small).pk, NOW)
    world.confirm(standin, opened.client_secret)
    assert payments.refresh(opened.payment.pk, NOW).status == "succeeded"
    assert not InvoiceReservation.objects.filter(released_at=None).exists()


def test_a_refused_sum_holds_its_bills_no_longer_than_any_other(standin: StandIn, account, link) -> None:
    with pytest.raises(GatewayError):
        payments.open_at_gateway(tap(link, world.bill(account, MORE_THAN_STRIPE_TAKES)).pk, NOW)
    payments.reconcile(NOW + timedelta(minutes=31))
    assert Payment.objects.get().status == "canceled"
    assert not InvoiceReservation.objects.filter(released_at=None).exists()


def test_asking_how_it_stands_makes_nothing_at_the_gateway(standin: StandIn, account, link) -> None:
    """Killed between the tap's commit and the call: nobody has a secret by which that could be paid."""
    payment = tap(link, world.bill(account))
    assert payments.refresh(payment.pk, NOW).status == "created"
    assert standin.objects("payment_intent") == []


def test_a_key_used_with_other_words_may_have_made_something(standin: StandIn) -> None:
    gateway = gateways.get("stripe", "default")
    gateway.create(PaymentRequest("r1", 1, 500, "NOK"), idempotency_key="k")
    with pytest.raises(GatewayUnknown):
        gateway.create(PaymentRequest("r1", 1, 600, "NOK"), idempotency_key="k")


def test_a_list_that_breaks_off_after_its_first_page_is_no_answer(standin: StandIn) -> None:
    client = stripe.StripeClient(standin.keys.secret, base_addresses={"api": standin.base_url})
    for _ in range(101):
        client.v1.payment_intents.create({"amount": 500, "currency": "nok"})
    standin.switches.add_fault("late", method="GET", seconds=0)
    standin.switches.add_fault("status_500", method="GET", times=2)
    with pytest.raises(GatewayUnknown):
        gateways.get("stripe", "default").find("nobody", created_after=timezone.now() - timedelta(minutes=5))


def test_two_who_cancel_at_once_both_hear_that_it_is_canceled(standin: StandIn, account, link) -> None:
    """The second is stopped where it would have asked anew for an object whose answer was lost."""
    payment = tap(link, world.bill(account))
    standin.switches.add_fault("reset_after", path="/v1/payment_intents", times=2)
    with pytest.raises(GatewayUnknown):
        payments.open_at_gateway(payment.pk, NOW)

    def first() -> None:
        with transaction.atomic():
            Payment.objects.select_for_update().get(pk=payment.pk)
            wait_until(somebody_waits)
            payments.settle(payment.pk, said(payment, "canceled"), NOW)

    def somebody_waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0])

    def second() -> bool:
        wait_until(lambda: is_locked(payment))
        return payments.take_over(payment.pk, actor="customer:2", now=NOW)

    assert at_once(first, second) == [None, True]


def is_locked(payment: Payment) -> bool:
    with transaction.atomic():
        return not Payment.objects.select_for_update(skip_locked=True).filter(pk=payment.pk).exists()


def test_taking_over_twice_is_told_once(standin: StandIn, account, link) -> None:
    payment = payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW).payment
    for _ in range(2):
        assert payments.take_over(payment.pk, actor="customer:2", now=NOW) is True
    assert AuditEntry.objects.filter(verb="take-over-payment").count() == 1
    assert payment.events.filter(kind="taken_over").count() == 1


def test_a_payment_nobody_can_ask_about_does_not_stop_the_sweep(standin: StandIn, account, link) -> None:
    """CASES fault 16: it is the oldest, so it comes first each time."""
    poison = payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW).payment
    Payment.objects.filter(pk=poison.pk).update(gateway_account="closed", touched_at=NOW - timedelta(minutes=1))
    opened = payments.open_at_gateway(tap(world.link(account.customer), world.bill(account)).pk, NOW)
    world.confirm(standin, opened.client_secret)
    payments.reconcile(NOW + timedelta(seconds=20))
    assert Payment.objects.get(pk=opened.payment.pk).status == "succeeded"


def test_the_sweep_asks_first_about_what_it_never_asked_about(
    standin: StandIn, account, link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more open payments than can be asked about in time, who has just paid must not wait behind all others."""
    monkeypatch.setattr(reconciling, "BATCH", 1)
    older = payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW).payment
    Payment.objects.filter(pk=older.pk).update(touched_at=NOW - timedelta(minutes=1), checked_at=NOW)
    opened = payments.open_at_gateway(tap(world.link(account.customer), world.bill(account)).pk, NOW)
    world.confirm(standin, opened.client_secret)
    payments.reconcile(NOW + timedelta(seconds=20))
    assert Payment.objects.get(pk=opened.payment.pk).status == "succeeded"


def test_a_sweep_that_is_kept_waiting_ends_and_the_next_goes_on(
    standin: StandIn, account, link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a gateway that is away would have every worker, and killed when its time is up."""
    monkeypatch.setattr(reconciling, "SECONDS", 0.5)
    for each in (link, world.link(account.customer)):
        opened = payments.open_at_gateway(tap(each, world.bill(account)).pk, NOW)
    world.confirm(standin, opened.client_secret)
    standin.switches.add_fault("late", method="GET", seconds=1)
    assert payments.reconcile(NOW + timedelta(seconds=20)) == 1
    assert payments.reconcile(NOW + timedelta(seconds=21)) == 1
    assert Payment.objects.get(pk=opened.payment.pk).status == "succeeded"


def test_a_page_left_open_does_not_hold_the_bills(standin: StandIn, account, link) -> None:
    """It asks every minute, and so the payment never looked due to the sweep."""
    payment = payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW).payment
    later = NOW + timedelta(minutes=70)
    Payment.objects.filter(pk=payment.pk).update(checked_at=later - timedelta(seconds=40))
    payments.reconcile(later)
    assert Payment.objects.get().status == "canceled"


def test_the_sweep_leaves_who_taps_again_while_it_is_busy(standin: StandIn, account, link) -> None:
    left = payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW).payment
    Payment.objects.filter(pk=left.pk).update(touched_at=NOW - timedelta(minutes=1))
    other, bill = world.link(account.customer), world.bill(account)
    payments.open_at_gateway(tap(other, bill).pk, NOW)
    later = NOW + timedelta(minutes=31)
    standin.switches.add_fault("late", path="*/cancel", seconds=1.5)

    def tap_again() -> None:
        wait_until(lambda: not standin.switches.faults)
        payments.open_at_gateway(tap(other, bill, now=later).pk, later)

    assert errors(at_once(lambda: payments.reconcile(later), tap_again)) == []
    assert Payment.objects.get(pk=left.pk).status == "canceled"
    assert Payment.objects.get(link=other).status == "created"


def test_a_number_that_an_imported_bill_has_is_passed_over(standin: StandIn, account, link) -> None:
    """The operator's own billing may use our prefix; money that came is booked all the same."""
    taken = world.bill(account)
    Invoice.objects.filter(pk=taken.pk).update(number="P000001")
    draft = a_draft(account)
    opened = payments.open_at_gateway(tap(link, draft).pk, NOW)
    world.confirm(standin, opened.client_secret)
    assert payments.refresh(opened.payment.pk, NOW).status == "succeeded"
    draft.refresh_from_db()
    assert (draft.number, draft.status) == ("P000002", "paid")
    world.assert_books_balance()


def test_money_is_booked_though_somebody_wiped_the_metadata(standin: StandIn, account, link) -> None:
    """Law 6: our own object stays ours, whatever was edited in Stripe's dashboard."""
    bill = world.bill(account, 500)
    payment = payments.open_at_gateway(tap(link, bill).pk, NOW).payment
    assert payments.settle(payment.pk, said(payment, "succeeded", amount_received=500, metadata={}), NOW) is True
    bill.refresh_from_db()
    assert bill.status == "paid"
    assert ledger.balance(account.customer_id, "NOK") == 0


def test_an_object_without_our_name_is_not_taken_for_ours(standin: StandIn, account, link) -> None:
    payment = tap(link, world.bill(account, 500))
    assert payments.settle(payment.pk, said(payment, "succeeded", amount_received=500, metadata={}), NOW) is False
    assert Payment.objects.get().gateway_reference is None


def test_a_late_word_of_processing_does_not_hold_the_bills_for_good(standin: StandIn, account, link) -> None:
    """An answer overtaken by the next attempt: that waits for the bank's app, and its payer has gone."""
    payment = payments.open_at_gateway(tap(link, world.bill(account)).pk, NOW).payment
    payments.settle(payment.pk, said(payment, "processing"), NOW)
    payments.refresh(payment.pk, NOW + timedelta(seconds=20))
    assert Payment.objects.get().status == "created"
    payments.reconcile(NOW + timedelta(minutes=31))
    assert not InvoiceReservation.objects.filter(released_at=None).exists()


def test_trying_again_after_a_decline_is_declined_no_more(client, standin: StandIn, account, link) -> None:
    """CASES fault 5: who has just paid never reads that the bank said no, though it was asked a moment ago."""
    bill = world.bill(account)
    now = timezone.now()
    opened = payments.open_at_gateway(tap(link, bill, now=now).pk, now)
    world.confirm(standin, opened.client_secret, world.DECLINED_CARD)
    assert payments.refresh(opened.payment.pk, now).status == "failed"
    again = payments.open_at_gateway(tap(link, bill, now=timezone.now()).pk, timezone.now())
    assert (again.payment.status, again.payment.failure_code) == ("created", "")
    Payment.objects.update(checked_at=timezone.now())
    world.confirm(standin, again.client_secret)
    page = client.get(f"/s/{links.status_token(again.payment)}", headers={"host": "brisvik.test"}).content.decode()
    assert "Your bank said no" not in page
    assert "Paying" in page


def test_a_refusal_that_the_gateway_forgot_when_more_was_ticked_does_no_harm(standin: StandIn, account, link) -> None:
    """Stripe clears its error at every update: the second refusal is told, and the good card pays the new sum."""
    first, more = world.bill(account, 500), world.bill(account, 700)
    opened = payments.open_at_gateway(tap(link, first).pk, NOW)
    world.confirm(standin, opened.client_secret, world.DECLINED_CARD)
    assert payments.refresh(opened.payment.pk, NOW).status == "failed"
    again = payments.open_at_gateway(tap(link, first, more).pk, NOW)
    assert payments.refresh(again.payment.pk, NOW).status == "created"
    world.confirm(standin, again.client_secret, world.DECLINED_CARD)
    assert payments.refresh(again.payment.pk, NOW).status == "failed"
    world.confirm(standin, again.client_secret)
    assert payments.refresh(again.payment.pk, NOW).status == "succeeded"
    kinds = list(again.payment.events.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["pay_tapped", "failed", "created", "pay_tapped", "failed", "succeeded"]
    assert Payment.objects.get().amount_received == 1200
    world.assert_books_balance()


def test_others_may_write_about_a_payment_while_it_is_settled(standin: StandIn, account, link) -> None:
    """A row that points to a locked one must not wait: a worker that holds a service would wait for the money, and
    the money for the service."""
    payment = payments.open_at_gateway(tap(link, world.bill(account), a_draft(account)).pk, NOW).payment

    def write() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '500ms'")
            links.note(link, "service_on", NOW, payment)
            world.bill(account)

    with transaction.atomic():
        payments.settle(payment.pk, said(payment, "succeeded", amount_received=payment.amount), NOW)
        assert errors(at_once(write)) == []
    world.assert_books_balance()
