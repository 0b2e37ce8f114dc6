"""Refunds made at the gateway: heard of once, booked once, whoever brings the word."""

import itertools
import random
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from billing import gateway_events, ledger, payments, refunds
from billing.gateways.base import GatewayRefund
from billing.models import GatewayEvent, LedgerEntry, LinkEvent, Payment, Refund
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.billing.test_gateway_events import event_body, receive
from tests.threads import at_once
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(standin: StandIn) -> Payment:
    return payments.refresh(world.taken(standin).pk, NOW)


def told(payment: Payment, reference: str = "re_1", status: str = "succeeded", amount: int = 9900) -> GatewayRefund:
    return GatewayRefund(
        reference=reference,
        payment_reference=payment.gateway_reference or "",
        status=status,
        amount=amount,
        currency="NOK",
        created_at=NOW,
    )


def kinds(payment: Payment) -> list[str]:
    return list(LinkEvent.objects.filter(payment=payment, kind__startswith="refund").values_list("kind", flat=True))


def test_a_refund_at_the_dashboard_is_booked_when_its_webhook_comes(standin: StandIn, paid: Payment) -> None:
    standin.refund(paid.gateway_reference or "", 9900)
    key = receive(event_body("evt_r", paid.gateway_reference or "", "charge.refunded"))
    assert key is not None
    assert gateway_events.process(key, NOW)
    paid.refresh_from_db()
    assert (paid.status, paid.amount_refunded, paid.amount_received) == ("succeeded", 9900, 39900)
    assert paid.refunded_at is not None
    assert [(row.amount, row.status) for row in Refund.objects.all()] == [(9900, "succeeded")]
    assert ledger.balance(paid.customer_id, "NOK") == 9900
    assert kinds(paid) == ["refunded"]
    world.assert_books_balance()


def test_in_parts_and_then_the_rest(standin: StandIn, paid: Payment) -> None:
    for amount in (9900, 10000, None):
        standin.refund(paid.gateway_reference or "", amount)
        assert refunds.refresh(paid.pk, NOW) is True
    paid.refresh_from_db()
    assert paid.amount_refunded == 39900 == paid.amount_received
    assert sorted(Refund.objects.values_list("amount", flat=True)) == [9900, 10000, 20000]
    world.assert_books_balance()


def test_hearing_it_twice_books_it_once(standin: StandIn, paid: Payment) -> None:
    standin.refund(paid.gateway_reference or "", 9900)
    assert refunds.refresh(paid.pk, NOW) is True
    assert refunds.refresh(paid.pk, NOW) is False
    assert refunds.reconcile(NOW) == 0
    assert LedgerEntry.objects.filter(kind="refund").count() == 1
    assert kinds(paid) == ["refunded"]
    world.assert_books_balance()


def test_eight_at_once_book_it_once(standin: StandIn, paid: Payment) -> None:
    standin.refund(paid.gateway_reference or "", 9900)
    answers = at_once(*[lambda: refunds.refresh(paid.pk, NOW) for _number in range(8)])
    assert sorted(answers) == [False] * 7 + [True]
    assert LedgerEntry.objects.filter(kind="refund").count() == 1
    world.assert_books_balance()


def test_a_refund_that_comes_before_the_payments_own_word(standin: StandIn) -> None:
    payment = world.taken(standin)
    standin.refund(payment.gateway_reference or "", 9900)
    key = receive(event_body("evt_r", payment.gateway_reference or "", "charge.refunded"))
    assert key is not None
    assert gateway_events.process(key, NOW)
    payment.refresh_from_db()
    assert (payment.status, payment.amount_refunded) == ("succeeded", 9900)
    world.assert_books_balance()


def test_of_a_payment_that_is_not_settled_nothing_is_heard(standin: StandIn) -> None:
    payment = world.taken(standin)
    assert refunds.hear(payment.pk, [told(payment)], NOW) is False
    assert not Refund.objects.exists()


def test_what_failed_later_is_with_us_again_and_a_persons_work(paid: Payment) -> None:
    assert refunds.hear(paid.pk, [told(paid)], NOW)
    assert refunds.hear(paid.pk, [told(paid, status="failed")], NOW)
    assert not refunds.hear(paid.pk, [told(paid, status="failed")], NOW)
    # Old news that comes late changes nothing.
    assert not refunds.hear(paid.pk, [told(paid)], NOW)
    paid.refresh_from_db()
    assert (paid.amount_refunded, paid.refunded_at, paid.needs_person) == (0, None, "refund_failed")
    assert ledger.balance(paid.customer_id, "NOK") == 0
    assert kinds(paid) == ["refunded", "refund_failed"]
    world.assert_books_balance()


@pytest.mark.parametrize("order", list(itertools.permutations(["pending", "succeeded", "failed"])))
def test_whatever_order_its_states_are_told_in_it_ends_the_same(paid: Payment, order: tuple[str, ...]) -> None:
    for status in order:
        refunds.hear(paid.pk, [told(paid, status=status)], NOW)
        world.assert_books_balance()
    paid.refresh_from_db()
    assert Refund.objects.get().status == "failed"
    assert paid.amount_refunded == 0
    assert ledger.balance(paid.customer_id, "NOK") == 0


def test_one_that_was_canceled_before_it_was_heard_of_moves_nothing(paid: Payment) -> None:
    assert refunds.hear(paid.pk, [told(paid, status="canceled")], NOW)
    assert not LedgerEntry.objects.filter(kind="refund").exists()
    paid.refresh_from_db()
    assert paid.needs_person == ""
    world.assert_books_balance()


def test_the_sweep_hears_what_no_webhook_told(standin: StandIn, paid: Payment) -> None:
    standin.refund(paid.gateway_reference or "", 9900)
    assert refunds.reconcile(timezone.now()) == 1
    paid.refresh_from_db()
    assert paid.amount_refunded == 9900
    assert refunds.reconcile(timezone.now()) == 0


def test_the_sweep_asks_again_about_what_was_long_on_its_way(standin: StandIn, paid: Payment) -> None:
    """The gateway says by now that it arrived; its list of recent ones no longer has it."""
    standin.refund(paid.gateway_reference or "", 9900)
    refunds.refresh(paid.pk, NOW)
    Refund.objects.update(status="pending", created_at=NOW - timedelta(days=9))
    assert refunds.reconcile(timezone.now() + timedelta(days=9)) == 1
    assert Refund.objects.get().status == "succeeded"


def test_a_gateway_that_does_not_answer_stops_no_sweep(standin: StandIn, paid: Payment) -> None:
    standin.refund(paid.gateway_reference or "", 9900)
    paid.operator.gateway_account = "nobody"
    paid.operator.save()
    assert refunds.reconcile(timezone.now()) == 0
    assert not Refund.objects.exists()


def test_parked_news_of_a_refund_is_not_finished_by_the_payments_success(paid: Payment) -> None:
    for number, type_ in enumerate(("charge.refunded", "payment_intent.succeeded")):
        key = receive(event_body(f"evt_{number}", paid.gateway_reference or "", type_))
        GatewayEvent.objects.filter(pk=key).update(status="parked")
    gateway_events.process_waiting(NOW)
    assert dict(GatewayEvent.objects.values_list("type", "status")) == {
        "charge.refunded": "parked",
        "payment_intent.succeeded": "processed",
    }


def test_refunds_are_never_deleted(paid: Payment) -> None:
    refunds.hear(paid.pk, [told(paid)], NOW)
    with pytest.raises(IntegrityError, match="never deleted"):
        Refund.objects.get().delete()


def test_a_long_story_of_refunds_always_balances(paid: Payment) -> None:
    chance = random.Random(20261122)
    for _number in range(60):
        each = told(
            paid,
            f"re_{chance.randrange(8)}",
            chance.choice(("pending", "succeeded", "failed", "canceled")),
            amount=4000,
        )
        refunds.hear(paid.pk, [each], NOW)
        world.assert_books_balance()
    gone = Refund.objects.filter(status__in=["pending", "succeeded"]).count()
    paid.refresh_from_db()
    assert paid.amount_refunded == 4000 * gone
