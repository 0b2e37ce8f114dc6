"""Fees for paying late: never out of the blue, never without a way to pay, never while somebody pays."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pytest
from django.db.models import F

from billing import fees, links
from billing.models import (
    Customer,
    Invoice,
    InvoiceReservation,
    LateFee,
    LegalEntity,
    Operator,
    Payment,
    PaymentLink,
)
from payportal.messaging import messages, notices, receipts, reminding
from payportal.messaging.models import ContactMedium, Message, ReminderRule
from tests import threads, world
from tests.payportal.messaging.carrier import PlayedCarrier, registered, speak
from tests.payportal.messaging.reminders.moments import DAY, DUE, TEN
from tests.world import NOW

pytestmark = pytest.mark.django_db
# When the usual rules speak, when a fee may follow, and days between.
DAYS = (-3, -1, 0, 3, 10, 20, 27, 28, 29, 40, 60)


def fee_rule(operator: Operator, days: int = 28) -> ReminderRule:
    return ReminderRule.objects.create(operator=operator, code="fee", days=days, at=time(10), fee_amount=3500)


def send_all(now: datetime) -> None:
    for message_id in messages.due(now, 100):
        messages.deliver(message_id, now)


def deliver_receipts(carrier: PlayedCarrier, now: datetime) -> None:
    for number in range(len(carrier.copies)):
        receipts.take(carrier.code, "default", [carrier.receipt("delivered", number)], now)


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


def notice_of_a_link_withdrawn_soon(operator: Operator, carrier: PlayedCarrier) -> None:
    """The first reminder arrives and its link ends within the hour; the later ones never leave us."""
    fee_rule(operator)
    at = TEN - 3 * DAY
    reminding.remind(at)
    send_all(at)
    deliver_receipts(carrier, at + timedelta(minutes=1))
    links.revoke(PaymentLink.objects.get(), actor="staff:1", now=at + timedelta(minutes=30))
    for day in (0, 3, 10):
        carrier.words = ["refused"]
        reminding.remind(TEN + day * DAY)
        send_all(TEN + day * DAY)
    assert len(carrier.copies) == 1
    assert PaymentLink.objects.count() == 4


def test_links_that_never_left_us_are_no_way_to_pay(bill: Invoice, operator: Operator, carrier: PlayedCarrier) -> None:
    notice_of_a_link_withdrawn_soon(operator, carrier)
    for _ in ("once", "twice"):
        assert reminding.remind(TEN + 28 * DAY) == 0
    assert not LateFee.objects.exists()
    [decision] = [each for each in reminding.plan(DUE + 28 * DAY) if each.occurrence.rule.code == "fee"]
    assert decision.reason == "no_notice"


@pytest.mark.parametrize("hours, is_enough", [(23, False), (25, True)])
def test_a_link_that_a_person_opened_is_a_way_to_pay_from_then_on(
    bill: Invoice, kari: Customer, operator: Operator, carrier: PlayedCarrier, hours: int, is_enough: bool
) -> None:
    notice_of_a_link_withdrawn_soon(operator, carrier)
    made = TEN + 20 * DAY
    link = links.create(customer=kari, currency="NOK", actor="staff:1", now=made, lifetime=7 * DAY)
    links.mark_opened(link, link.expires_at - timedelta(hours=hours))
    reminding.remind(TEN + 28 * DAY)
    assert LateFee.objects.exists() is is_enough


def test_a_link_that_a_later_message_brought_is_a_way_to_pay(
    bill: Invoice, kari: Customer, operator: Operator, carrier: PlayedCarrier
) -> None:
    notice_of_a_link_withdrawn_soon(operator, carrier)
    at = TEN + 20 * DAY
    link = links.create(customer=kari, currency="NOK", actor="staff:1", now=at, lifetime=2 * DAY)
    messages.queue(operator=operator, customer=kari, template="link", reference="link:1", context={}, now=at, link=link)
    send_all(at)
    deliver_receipts(carrier, at + timedelta(minutes=1))
    reminding.remind(TEN + 28 * DAY)
    assert LateFee.objects.exists()


def being_paid(kari: Customer, bill: Invoice, at: datetime) -> None:
    """Somebody tapped Pay: the way that the page takes, up to the bank."""
    payment = Payment.objects.create(
        operator=kari.operator,
        customer=kari,
        link=world.link(kari, now=at),
        reference="r" * 22,
        currency="NOK",
        amount=bill.amount,
        created_at=at,
        touched_at=at,
    )
    InvoiceReservation.objects.create(invoice=bill, payment=payment, created_at=at)


def test_a_fee_is_not_spoken_of_while_the_customer_pays(
    bill: Invoice, kari: Customer, operator: Operator, carrier: PlayedCarrier
) -> None:
    fee_rule(operator)
    remind_until(carrier, 27)
    at = TEN + 28 * DAY
    reminding.remind(at)
    assert LateFee.objects.exists()
    sent = len(carrier.copies)
    being_paid(kari, bill, at)
    for _ in ("once", "twice"):
        send_all(at + timedelta(seconds=20))
    message = Message.objects.get(template="late_fee")
    assert (message.status, message.error) == ("withheld", "paying")
    assert len(carrier.copies) == sent


def test_a_fee_is_spoken_of_as_long_as_it_is_owed_itself(
    bill: Invoice, operator: Operator, carrier: PlayedCarrier
) -> None:
    """Who paid the bill without having seen the fee learns of it; who owes neither hears nothing."""
    fee_rule(operator)
    remind_until(carrier, 27)
    at = TEN + 28 * DAY
    reminding.remind(at)
    sent = len(carrier.copies)
    Invoice.objects.filter(pk=bill.pk).update(status="paid", amount_paid=bill.amount)
    fee = LateFee.objects.get().fee_invoice
    assert fee.pk in Message.objects.get(template="late_fee").context["bills"]
    send_all(at)
    assert len(carrier.copies) == sent + 1


def test_a_fee_that_is_paid_before_its_message_is_not_spoken_of(
    bill: Invoice, operator: Operator, carrier: PlayedCarrier
) -> None:
    fee_rule(operator)
    remind_until(carrier, 27)
    reminding.remind(TEN + 28 * DAY)
    sent = len(carrier.copies)
    Invoice.objects.update(status="paid", amount_paid=F("amount"))
    send_all(TEN + 28 * DAY)
    assert len(carrier.copies) == sent
    assert Message.objects.get(template="late_fee").error == "paid"


def test_no_fee_is_charged_for_who_taps_pay_just_before(
    bill: Invoice, kari: Customer, operator: Operator, carrier: PlayedCarrier
) -> None:
    """Decided and charged are two moments; the bill's lock is between them."""
    fee_rule(operator)
    remind_until(carrier, 27)
    at = TEN + 28 * DAY
    notice = Message.objects.filter(template="reminder").earliest("pk").reference
    being_paid(kari, bill, at)
    with pytest.raises(fees.NoFee, match="paying"):
        fees.charge(invoice=bill, amount=3500, names={"en": "Fee"}, notice=notice, now=at)
    Invoice.objects.filter(pk=bill.pk).update(status="paid", amount_paid=bill.amount)
    with pytest.raises(fees.NoFee, match="paid"):
        fees.charge(invoice=bill, amount=3500, names={"en": "Fee"}, notice=notice, now=at)
    assert not LateFee.objects.exists()


@pytest.fixture
def nobody_proves() -> Iterator[None]:
    """As on a floor without messages."""
    fees.prove_by(None)
    yield
    notices.connect()


def test_where_nobody_proves_a_notice_there_is_no_fee(
    bill: Invoice, operator: Operator, carrier: PlayedCarrier, nobody_proves: None
) -> None:
    fee_rule(operator)
    remind_until(carrier, 40)
    assert not LateFee.objects.exists()
    assert not Message.objects.filter(template="late_fee").exists()
    assert len(carrier.copies) == 4


def test_no_caller_charges_without_a_notice_that_arrived(
    bill: Invoice, operator: Operator, carrier: PlayedCarrier
) -> None:
    """Whoever calls: a made-up notice, one that didn't arrive, one of a smaller fee and one too young are none."""
    fee_rule(operator)
    remind_until(carrier, 10, delivered=False)
    names, at = {"en": "Fee"}, TEN + 28 * DAY
    first = Message.objects.filter(template="reminder").earliest("pk")

    def refused(amount: int, notice: str, now: datetime) -> bool:
        with pytest.raises(fees.NoFee, match="no_notice"):
            fees.charge(invoice=bill, amount=amount, names=names, notice=notice, now=now)
        return not LateFee.objects.exists()

    assert refused(3500, "x", at)
    assert refused(3500, "", at)
    assert refused(3500, first.reference, at)
    deliver_receipts(carrier, TEN + 10 * DAY)
    assert refused(3501, first.reference, at)
    assert refused(3500, first.reference, TEN + 24 * DAY - timedelta(seconds=1))
    last = Message.objects.filter(template="reminder").latest("pk")
    fees.charge(invoice=bill, amount=3500, names=names, notice=last.reference, now=at)
    fee = LateFee.objects.get()
    assert (fee.notice_reference, fee.notice_delivered_at) == (last.reference, TEN + 10 * DAY)


def test_a_fee_before_two_weeks_is_refused_whatever_the_rule_says(bill: Invoice) -> None:
    with pytest.raises(fees.NoFee, match="not_late_enough"):
        fees.charge(invoice=bill, amount=3500, names={"en": "Fee"}, notice="x", now=TEN + 13 * DAY)


@pytest.mark.django_db(transaction=True)
def test_a_fee_charged_by_many_at_once_is_charged_once() -> None:
    carrier = PlayedCarrier()
    with registered(carrier):
        made = world.customer(world.operator())
        speak(made, carrier.code)
        late = world.bill(world.account(made, world.legal_entity(made.operator)), due_on=DUE)
        fee_rule(made.operator)
        remind_until(carrier, 10)
    notice, at = Message.objects.earliest("pk").reference, TEN + 30 * DAY

    def charge() -> object:
        found = Invoice.objects.select_related("account__legal_entity__operator").get(pk=late.pk)
        return fees.charge(invoice=found, amount=3500, names={"en": "Fee"}, notice=notice, now=at)

    results = threads.at_once(*[charge] * 6)
    assert len(threads.errors(results)) == 5
    assert all(isinstance(error, fees.NoFee) for error in threads.errors(results))
    assert LateFee.objects.count() == 1
    world.assert_books_balance()
