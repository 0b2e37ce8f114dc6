"""Reminders: who gets one and when, who doesn't, and why."""

from datetime import date, datetime, time, timedelta

import pytest

from billing import links
from billing.models import Customer, Invoice, LegalEntity, Operator, Payment, PaymentLink
from payportal.messaging import messages, reminding
from payportal.messaging.models import ContactMedium, Message, ReminderRule
from tests import threads, world
from tests.payportal.messaging.carrier import PlayedCarrier, speak
from tests.payportal.messaging.reminders.moments import DAY, DUE, TEN
from tests.world import NOW

pytestmark = pytest.mark.django_db


def rule(operator: Operator, code: str) -> ReminderRule:
    return ReminderRule.objects.get(operator=operator, code=code)


def send_all(now: datetime) -> None:
    for message_id in messages.due(now, 100):
        messages.deliver(message_id, now)


def test_a_new_operator_has_the_usual_rules_and_none_costs_anything(operator: Operator) -> None:
    rules = ReminderRule.objects.filter(operator=operator)
    assert sorted(rules.values_list("days", flat=True)) == [-3, 0, 3, 10]
    assert not rules.filter(fee_amount__gt=0).exists()
    assert reminding.defaults_for(operator) == 0


def test_who_is_due_today_is_reminded_at_ten_and_once(bill: Invoice, carrier: PlayedCarrier) -> None:
    assert reminding.remind(TEN - timedelta(seconds=1)) == 0
    assert reminding.remind(TEN) == 1
    assert reminding.remind(TEN) == 0
    send_all(TEN)
    [copy] = carrier.copies
    assert "399.00" in copy.outgoing.text
    assert "Mobile" in copy.outgoing.text
    assert "/p/" in copy.outgoing.text
    link = PaymentLink.objects.get()
    assert link.created_by == "system:reminders"
    assert links.resolve(link.operator, link.selector, links.rest(link), TEN + 6 * DAY) == link


def test_each_rule_speaks_once_over_the_weeks(bill: Invoice, carrier: PlayedCarrier) -> None:
    at = TEN - 5 * DAY
    while at < TEN + 14 * DAY:
        reminding.remind(at)
        send_all(at)
        at += timedelta(hours=6)
    days = [Message.objects.get(code=copy.outgoing.code).context["rule"] for copy in carrier.copies]
    assert days == ["before", "today", "after", "again"]


def test_what_was_missed_for_long_is_not_made_up_for(bill: Invoice) -> None:
    assert reminding.remind(TEN + timedelta(hours=12)) == 0
    assert reminding.remind(TEN + timedelta(hours=11)) == 1


def test_bills_due_the_same_day_go_together(kari: Customer, entity: LegalEntity, bill: Invoice) -> None:
    world.bill(world.account(kari, entity, "Broadband"), due_on=DUE)
    world.bill(world.account(kari, entity, "TV"), due_on=DUE + DAY)
    assert reminding.remind(TEN) == 1
    assert len(Message.objects.get().context["bills"]) == 2


@pytest.mark.parametrize("zone, hour", [("Asia/Tokyo", 1), ("America/New_York", 15), ("Pacific/Kiritimati", -4)])
def test_ten_is_ten_on_the_customers_clock(bill: Invoice, kari: Customer, zone: str, hour: int) -> None:
    Customer.objects.filter(pk=kari.pk).update(time_zone=zone)
    at = datetime.combine(DUE, time(0), tzinfo=NOW.tzinfo) + timedelta(hours=hour)
    assert reminding.remind(at - timedelta(minutes=1)) == 0
    assert reminding.remind(at) == 1


@pytest.mark.parametrize("on", [date(2027, 3, 28), date(2026, 10, 25)])
def test_days_of_23_and_25_hours_have_one_turn(kari: Customer, entity: LegalEntity, on: date) -> None:
    """A rule at half past two, an hour that is missing in spring and comes twice in autumn."""
    ReminderRule.objects.filter(code="today").update(at=time(2, 30))
    speak(kari, "played_whatsapp")
    world.bill(world.account(kari, entity), due_on=on)
    at = datetime.combine(on, time(0), tzinfo=NOW.tzinfo) - timedelta(hours=3)
    queued = sum(reminding.remind(at + timedelta(minutes=30) * step) for step in range(30))
    assert queued == 1


def test_who_has_paid_hears_nothing(bill: Invoice) -> None:
    Invoice.objects.filter(pk=bill.pk).update(status="paid", amount_paid=bill.amount)
    assert reminding.remind(TEN) == 0
    [decision] = [each for each in reminding.plan(DUE) if each.occurrence.rule.code == "today"]
    assert decision.reason == "paid"


def test_who_pays_between_list_and_sending_hears_nothing(bill: Invoice, carrier: PlayedCarrier) -> None:
    reminding.remind(TEN)
    Invoice.objects.filter(pk=bill.pk).update(status="paid", amount_paid=bill.amount)
    send_all(TEN)
    assert carrier.copies == []
    message = Message.objects.get()
    assert (message.status, message.error) == ("withheld", "paid")
    send_all(TEN + DAY)
    assert carrier.copies == []


@pytest.mark.parametrize("status, is_reminded", [("processing", False), ("created", False), ("canceled", True)])
def test_who_is_paying_is_left_alone(
    bill: Invoice, kari: Customer, carrier: PlayedCarrier, status: str, is_reminded: bool
) -> None:
    link = world.link(kari, now=TEN - timedelta(minutes=5))
    Payment.objects.create(
        operator=kari.operator,
        customer=kari,
        link=link,
        reference="r" * 22,
        currency="NOK",
        amount=100,
        status=status,
        created_at=TEN,
        touched_at=TEN - timedelta(minutes=5),
        canceled_at=TEN if status == "canceled" else None,
    )
    assert bool(reminding.remind(TEN)) is is_reminded
    # A tap that led nowhere is over after half an hour, a bank's work is not.
    later = TEN + timedelta(hours=1)
    assert bool(reminding.remind(later)) is (status == "created")


def test_who_taps_pay_between_list_and_sending_is_left_alone(
    bill: Invoice, kari: Customer, carrier: PlayedCarrier
) -> None:
    reminding.remind(TEN)
    Payment.objects.create(
        operator=kari.operator,
        customer=kari,
        link=PaymentLink.objects.get(),
        reference="r" * 22,
        currency="NOK",
        amount=bill.amount,
        created_at=TEN,
        touched_at=TEN + timedelta(seconds=5),
    )
    for _ in ("once", "twice"):
        send_all(TEN + timedelta(seconds=10))
    assert carrier.copies == []
    message = Message.objects.get()
    assert (message.status, message.error) == ("withheld", "paying")


def test_a_link_withdrawn_between_list_and_sending_is_not_sent(bill: Invoice, carrier: PlayedCarrier) -> None:
    reminding.remind(TEN)
    links.revoke(PaymentLink.objects.get(), actor="staff:1", now=TEN)
    send_all(TEN + timedelta(seconds=10))
    assert carrier.copies == []
    assert Message.objects.get().error == "link_ended"


def test_who_said_stop_hears_nothing(bill: Invoice, kari: Customer) -> None:
    ContactMedium.objects.create(
        operator=kari.operator, medium="whatsapp", address=kari.phone, opted_out_at=NOW, reason="stop"
    )
    assert reminding.remind(TEN) == 0
    assert not PaymentLink.objects.exists(), "no link is made for nobody"


def test_at_night_it_waits_for_the_morning(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    ReminderRule.objects.filter(code="today").update(at=time(23, 30))
    night = datetime.combine(DUE, time(22, 30), tzinfo=NOW.tzinfo)
    assert reminding.remind(night) == 1
    send_all(night)
    assert carrier.copies == []
    send_all(night + timedelta(hours=9))
    assert len(carrier.copies) == 1


def test_more_than_enough_is_too_much(kari: Customer, entity: LegalEntity, carrier: PlayedCarrier) -> None:
    """Four bills due on four days: the fourth reminder of a week is left out."""
    ReminderRule.objects.exclude(code="today").delete()
    account = world.account(kari, entity)
    for number in range(4):
        world.bill(account, due_on=DUE + number * DAY)
    for number in range(4):
        reminding.remind(TEN + number * DAY)
        send_all(TEN + number * DAY)
    assert len(carrier.copies) == 3


def test_an_operator_that_is_closed_reminds_nobody(bill: Invoice, operator: Operator) -> None:
    Operator.objects.filter(pk=operator.pk).update(is_active=False)
    assert reminding.remind(TEN) == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_remind_once() -> None:
    made = world.customer(world.operator())
    world.bill(world.account(made, world.legal_entity(made.operator)), due_on=DUE)
    queued = threads.at_once(*[lambda: reminding.remind(TEN)] * 6)
    assert not threads.errors(queued)
    assert sum(queued) == 1
    assert Message.objects.count() == PaymentLink.objects.count() == 1
