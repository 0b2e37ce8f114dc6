"""What is paid and switched on is told, once, from the rows of the same transaction."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from activation import checkout, jobs, outcomes, suspension
from activation.events import ServiceDelayed
from activation.models import Activation, ActivationJob, Package
from billing import events, receipts, waking
from billing.gateways.base import GatewayPayment
from billing.models import Customer, LinkEvent, Payment, PaymentLink
from payportal.messaging import messages, subscribers, tasks
from payportal.messaging.models import Message
from tests.payportal.messaging.story import NOW, ScriptedPhone, pay, settle

pytestmark = pytest.mark.django_db(transaction=True)
SOON = NOW + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def network(settings: Settings, tmp_path: Path) -> None:
    settings.PROVISIONER = "simulator"
    settings.SIMULATOR_STATE = str(tmp_path / "network.jsonl")


def buy(link: PaymentLink, code: str) -> Payment:
    package = Package.objects.get(operator=link.operator, code=code)
    payment = checkout.start(link=link, bill_ids=[], package_ids=[package.pk], amount_shown=package.amount, now=NOW)
    return settle(payment)


def told(template: str) -> list[Message]:
    return list(Message.objects.filter(template=template).order_by("pk"))


def test_it_works(kari: Customer, link: PaymentLink, phone: ScriptedPhone) -> None:
    payment = pay(link)
    jobs.run_due(lambda: SOON)
    for message_id in messages.due(SOON, 10):
        assert messages.deliver(message_id, SOON)
    receipt, again = phone.arrived
    assert receipt.body.splitlines()[:2] == ["Brisvik", "Paid NOK 1,047.00. Thank you!"]
    assert receipt.address_label == "Receipt, NOK\u00a01,047.00"
    assert receipts.resolve(link.operator, receipt.address.rsplit("/", 1)[1]) == payment
    assert again.body.splitlines()[0] == "Brisvik: TV is on again. Thank you for paying."
    assert LinkEvent.objects.filter(link=link, payment=payment, kind="receipt_sent").count() == 1


def test_a_package_says_until_when(link: PaymentLink, phone: ScriptedPhone) -> None:
    buy(link, "films")
    jobs.run_due(lambda: SOON)
    [message] = told("on")
    messages.deliver(message.pk, SOON)
    said = ["Brisvik: Films is on.", "On until 22 December. Nothing renews without you."]
    assert phone.arrived[0].body.splitlines()[:2] == said
    assert phone.arrived[0].address == ""


def test_settling_twice_tells_once(link: PaymentLink) -> None:
    payment = pay(link)
    settle(payment)
    with transaction.atomic():
        event = events.PaymentSucceeded(payment_id=payment.pk, amount=104700, currency="NOK", at=SOON)
        events.publish(event)
        events.publish(event)
    assert [message.reference for message in told("receipt")] == [f"receipt:{payment.reference}"]


def test_being_switched_on_twice_is_told_once(link: PaymentLink) -> None:
    buy(link, "films")
    jobs.run_due(lambda: SOON)
    jobs.run_due(lambda: SOON)
    activation = Activation.objects.get(order_item__isnull=False)
    assert not subscribers.tell_on(activation, None, SOON)
    assert len(told("on")) == 1


def test_each_pause_that_ends_is_told(link: PaymentLink) -> None:
    pay(link)
    jobs.run_due(lambda: SOON)
    tv = Activation.objects.get(account__isnull=False, customer=link.customer)
    suspension.suspend(tv, SOON)
    Activation.objects.filter(pk=tv.pk).update(status="active")
    tv.refresh_from_db()
    assert subscribers.tell_on(tv, None, SOON)
    assert [message.reference for message in told("again")] == ["on:tv-20461:1", "on:tv-20461:2"]


def test_a_delay_is_told_once_a_job(link: PaymentLink, phone: ScriptedPhone) -> None:
    payment = buy(link, "films")
    job = ActivationJob.objects.get(payment=payment)
    with transaction.atomic():
        events.publish(ServiceDelayed(job_id=job.pk, payment_id=payment.pk, at=SOON))
        events.publish(ServiceDelayed(job_id=job.pk, payment_id=payment.pk, at=SOON))
    [message] = told("delayed")
    messages.deliver(message.pk, SOON)
    said = "Brisvik: paid. Films is slow to start; we're on it, and you don't have to call."
    assert phone.arrived[0].body.splitlines()[0] == said


def test_a_delay_that_is_over_before_it_could_be_told_is_not_told(link: PaymentLink, phone: ScriptedPhone) -> None:
    """A carrier may keep a message for days; "slow to start" after "is on" would be nonsense."""
    payment = buy(link, "films")
    job = ActivationJob.objects.get(payment=payment)
    with transaction.atomic():
        events.publish(ServiceDelayed(job_id=job.pk, payment_id=payment.pk, at=SOON))
    jobs.run_due(lambda: SOON)
    [message] = told("delayed")
    messages.deliver(message.pk, SOON)
    message.refresh_from_db()
    assert (message.status, message.error) == ("withheld", "too_late")
    assert not [each for each in phone.arrived if "slow to start" in each.body]


def test_a_delayed_restoring_is_told_too(link: PaymentLink) -> None:
    payment = pay(link)
    job = ActivationJob.objects.get(kind="restore")
    with transaction.atomic():
        events.publish(ServiceDelayed(job_id=job.pk, payment_id=payment.pk, at=SOON))
    assert told("delayed")[0].context["names"]["en"] == "TV"


def test_messages_that_cannot_be_written_leave_the_money_as_it_is(link: PaymentLink) -> None:
    """Law 2: a subscriber that fails is logged and cannot undo the payment; the sweep writes what it did not."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_message ADD CONSTRAINT out_of_order CHECK (template <> 'receipt')")
    try:
        payment = pay(link)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE messaging_message DROP CONSTRAINT out_of_order")
    assert payment.status == Payment.Status.SUCCEEDED
    assert told("receipt") == []


def test_money_in_another_currency_is_receipted_as_received(link: PaymentLink) -> None:
    payment = checkout.start(
        link=link,
        bill_ids=[],
        package_ids=[Package.objects.get(operator=link.operator, code="films").pk],
        amount_shown=12900,
        now=NOW,
    )
    truth = GatewayPayment(
        "pi_1", "succeeded", 1290, "EUR", amount_received=1290, metadata={"payment": payment.reference}
    )
    settle(payment, truth)
    assert told("receipt")[0].context == {"amount": 1290, "currency": "EUR"}


def switch_on_together(link: PaymentLink, count: int) -> list[ActivationJob]:
    """So many packages bought, and their jobs claimed."""
    for _ in range(count):
        buy(link, "films")
    claimed = jobs.claim_batch(SOON, count)
    assert len(claimed) == count
    return claimed


def test_services_switched_on_together_are_each_told_with_as_many_queries_as_one(link: PaymentLink) -> None:
    counted = []
    for count in (1, 5):
        claimed = switch_on_together(link, count)
        with CaptureQueriesContext(connection) as queries:
            assert outcomes.finish_all(claimed, SOON) == count
        counted.append(len(queries))
    assert counted[0] == counted[1]
    payments = [message.payment for message in told("on")]
    assert len(set(payments)) == 6
    assert {message.link for message in told("on")} == {link}


def test_workers_get_a_few_messages_at_once(link: PaymentLink, valkey_url: str) -> None:
    claimed = switch_on_together(link, 6)
    client = redis.Redis.from_url(valkey_url)
    client.delete("celery")
    waking.forget()
    outcomes.finish_all(claimed, SOON)
    hints = [json.loads(entry)["headers"] for entry in reversed(client.lrange("celery", 0, -1))]
    client.close()
    ids = sorted(message.pk for message in told("on"))
    assert [hint["task"] for hint in hints] == [messages.DELIVER] * 2
    assert (
        sorted(pk for hint in hints for pk in json.loads(hint["argsrepr"].replace("(", "[").replace(")", "]"))) == ids
    )


def test_a_hint_with_several_messages_sends_them_all(link: PaymentLink, phone: ScriptedPhone) -> None:
    outcomes.finish_all(switch_on_together(link, 3), timezone.now())
    tasks.deliver(*[message.pk for message in told("on")])
    assert len(phone.arrived) == 3
    assert {message.status for message in told("on")} == {Message.Status.SENT}


def test_one_message_that_cannot_be_written_leaves_those_written_with_it(link: PaymentLink) -> None:
    claimed = switch_on_together(link, 3)
    spoilt = f"on:{claimed[1].request['service_reference']}:0"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE messaging_message ADD CONSTRAINT out_of_order CHECK (reference <> '{spoilt}')")
    try:
        assert outcomes.finish_all(claimed, SOON) == 3
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE messaging_message DROP CONSTRAINT out_of_order")
    assert Activation.objects.filter(order_item__isnull=False).count() == 3
    assert len(told("on")) == 2
