"""Reminders: who gets one and when, who doesn't and why, and that a fee never comes out of the blue."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import pytest

from billing import fees, links
from billing.models import Customer, Invoice, LateFee, LegalEntity, Operator, Payment, PaymentLink
from payportal.messaging import messages, receipts, reminding
from payportal.messaging.models import ContactMedium, Message, ReminderRule
from tests import threads, world
from tests.payportal.messaging.carrier import PlayedCarrier, registered, speak
from tests.world import NOW

pytestmark = pytest.mark.django_db
# A Monday; ten in the morning in Oslo is nine in UTC in winter.
DUE = date(2026, 12, 7)
TEN = datetime.combine(DUE, time(9), tzinfo=NOW.tzinfo)
DAY = timedelta(days=1)
# When the usual rules speak, when a fee may follow, and days between.
DAYS = (-3, -1, 0, 3, 10, 20, 27, 28, 29, 40, 60)


@pytest.fixture
def carrier() -> Iterator[PlayedCarrier]:
    played = PlayedCarrier()
    with registered(played):
        yield played


@pytest.fixture
def entity(db: None) -> LegalEntity:
    return world.legal_entity(world.operator())


@pytest.fixture
def operator(entity: LegalEntity) -> Operator:
    return entity.operator


@pytest.fixture
def kari(operator: Operator, carrier: PlayedCarrier) -> Customer:
    made = world.customer(operator)
    speak(made, carrier.code)
    return made


@pytest.fixture
def bill(kari: Customer, entity: LegalEntity) -> Invoice:
    return world.bill(world.account(kari, entity), due_on=DUE)


def rule(operator: Operator, code: str) -> ReminderRule:
    return ReminderRule.objects.get(operator=operator, code=code)


def fee_rule(operator: Operator, days: int = 28) -> ReminderRule:
    return ReminderRule.objects.create(operator=operator, code="fee", days=days, at=time(10), fee_amount=3500)


def send_all(now: datetime) -> None:
    for message_id in messages.due(now, 100):
        messages.deliver(message_id, now)


def deliver_receipts(carrier: PlayedCarrier, now: datetime) -> None:
    for number in range(len(carrier.copies)):
        receipts.take(carrier.code, "default", [carrier.receipt("delivered", number)], now)


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


# Fees.


def remind_until(carrier: PlayedCarrier, days: int, *, delivered: bool = True) -> None:
    """Live through the days on which something may happen, up to this one after the due date, at ten each morning."""
    for day in [day for day in DAYS if day <= days]:
        reminding.remind(TEN + day * DAY)
        send_all(TEN + day * DAY)
        if delivered:
            deliver_receipts(carrier, TEN + day * DAY + timedelta(minutes=1))


def test_a_fee_follows_a_notice_that_arrived(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    fee_rule(operator)
    remind_until(carrier, 40)
    fee = LateFee.objects.get()
    assert fee.invoice == bill
    assert fee.fee_invoice.amount == 3500
    assert fee.fee_invoice.status == "open"
    assert fee.charged_at - fee.notice_delivered_at >= 14 * DAY
    assert Message.objects.get(reference=fee.notice_reference).context["fee"] == 3500
    last = carrier.copies[-1].outgoing.text
    assert "35.00" in last
    world.assert_books_balance()
    remind_until(carrier, 60)
    assert LateFee.objects.count() == 1


def test_without_a_delivered_notice_there_is_no_fee(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    fee_rule(operator)
    remind_until(carrier, 40, delivered=False)
    assert len(carrier.copies) == 4
    assert not LateFee.objects.exists()
    [decision] = [each for each in reminding.plan(DUE + 28 * DAY) if each.occurrence.rule.code == "fee"]
    assert decision.reason == "no_notice"


def test_a_notice_that_came_too_late_is_none(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    fee_rule(operator)
    remind_until(carrier, 20, delivered=False)
    deliver_receipts(carrier, TEN + 20 * DAY)
    remind_until(carrier, 40, delivered=False)
    assert not LateFee.objects.exists()


def test_a_fee_is_a_sum_in_the_operators_currency_alone(
    kari: Customer, entity: LegalEntity, operator: Operator, carrier: PlayedCarrier
) -> None:
    """35 kroner are not 35 euros: who owes those is told of no fee and pays none."""
    world.bill(world.account(kari, entity), due_on=DUE, currency="EUR")
    fee_rule(operator)
    remind_until(carrier, 40)
    assert len(carrier.copies) == 4
    assert not LateFee.objects.exists()
    assert not any("fee" in message.context for message in Message.objects.all())
    [decision] = [each for each in reminding.plan(DUE + 28 * DAY) if each.occurrence.rule.code == "fee"]
    assert decision.reason == "other_currency"


def test_without_a_link_that_worked_there_is_no_fee(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    fee_rule(operator)
    for day in DAYS:
        at = TEN + day * DAY
        reminding.remind(at)
        send_all(at)
        deliver_receipts(carrier, at + timedelta(minutes=1))
        PaymentLink.objects.filter(revoked_at__isnull=True).update(revoked_at=at + timedelta(hours=2))
    assert not LateFee.objects.exists()


def test_a_notice_that_did_not_tell_of_the_fee_is_none(
    bill: Invoice, operator: Operator, carrier: PlayedCarrier
) -> None:
    remind_until(carrier, 20)
    fee_rule(operator)
    remind_until(carrier, 40)
    assert not LateFee.objects.exists()


def test_who_has_paid_pays_no_fee(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    fee_rule(operator)
    remind_until(carrier, 27)
    Invoice.objects.filter(pk=bill.pk).update(status="paid", amount_paid=bill.amount)
    reminding.remind(TEN + 28 * DAY)
    assert not LateFee.objects.exists()


def test_a_fee_bears_no_fee(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    fee_rule(operator)
    remind_until(carrier, 28)
    fee = LateFee.objects.get().fee_invoice
    assert fees.why_not(fee, fee.due_on + 60 * DAY) == "is_a_fee"


def test_who_cannot_be_told_pays_no_fee(
    bill: Invoice, operator: Operator, kari: Customer, carrier: PlayedCarrier
) -> None:
    fee_rule(operator)
    remind_until(carrier, 27)
    ContactMedium.objects.create(
        operator=operator, medium="whatsapp", address=kari.phone, opted_out_at=NOW, reason="stop"
    )
    reminding.remind(TEN + 28 * DAY)
    assert not LateFee.objects.exists()


def test_a_fee_before_two_weeks_is_refused_whatever_the_rule_says(bill: Invoice) -> None:
    notice = fees.Notice("x", TEN - DAY)
    with pytest.raises(fees.NoFee, match="not_late_enough"):
        fees.charge(invoice=bill, amount=3500, names={"en": "Fee"}, notice=notice, now=TEN + 13 * DAY)
    late = TEN + 20 * DAY
    with pytest.raises(fees.NoFee, match="no_notice"):
        fees.charge(invoice=bill, amount=3500, names={"en": "Fee"}, notice=fees.Notice("x", late), now=late)


@pytest.mark.django_db(transaction=True)
def test_a_fee_charged_by_many_at_once_is_charged_once() -> None:
    made = world.customer(world.operator())
    late = world.bill(world.account(made, world.legal_entity(made.operator)), due_on=DUE)
    notice, at = fees.Notice("x", TEN), TEN + 30 * DAY

    def charge() -> object:
        found = Invoice.objects.select_related("account__legal_entity__operator").get(pk=late.pk)
        return fees.charge(invoice=found, amount=3500, names={"en": "Fee"}, notice=notice, now=at)

    results = threads.at_once(*[charge] * 6)
    assert len(threads.errors(results)) == 5
    assert all(isinstance(error, fees.NoFee) for error in threads.errors(results))
    assert LateFee.objects.count() == 1
    world.assert_books_balance()
