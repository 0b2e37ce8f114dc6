"""Queue and deliver: once each, whatever the carrier does."""

import json
import threading
import time
from datetime import timedelta

import pytest
import redis
from celery import current_app
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from billing import links, receipts, waking
from billing.models import Customer, LinkEvent, PaymentLink
from payportal.demo.models import OutboxMessage
from payportal.messaging import messages, outcomes, sweeping
from payportal.messaging.channels.base import CannotTell, NotSent, Refused, SendUnknown
from payportal.messaging.models import Message
from tests.payportal.messaging.story import NOW, ScriptedPhone, pay, write

Status = Message.Status
LATER = NOW + messages.LEASE + timedelta(seconds=1)


def dump() -> str:
    """Everything that the tables of messages and the demo's phone hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM messaging_message m UNION ALL SELECT o::text FROM demo_outboxmessage o")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_it_works(kari: Customer, link: PaymentLink) -> None:
    message = write(kari, "link:1", template="link", context={}, link=link)
    assert messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert (message.status, message.sent_at, message.error) == (Status.SENT, NOW, "")
    shown = OutboxMessage.objects.get()
    assert shown.to == kari.phone
    assert "Brisvik" in shown.body
    assert LinkEvent.objects.filter(link=link, kind="sent").count() == 1


def test_no_table_holds_an_address(kari: Customer, link: PaymentLink, phone: ScriptedPhone) -> None:
    payment = pay(link)
    write(kari, "link:1", template="link", context={}, link=link)
    for message_id in messages.due(NOW, 10):
        assert messages.deliver(message_id, NOW)
    sent = {message.reference: message.address for message in phone.arrived}
    assert sent["link:1"] == links.url(link)
    assert sent[f"receipt:{payment.reference}"] == receipts.url(payment)
    assert links.rest(link) not in dump()
    assert receipts.token(payment)[22:] not in dump()


def test_the_demos_phone_keeps_no_address_either(kari: Customer, link: PaymentLink) -> None:
    message = write(kari, "link:1", template="link", context={}, link=link)
    messages.deliver(message.pk, NOW)
    assert OutboxMessage.objects.get().address_label == "See and pay"
    assert links.rest(link) not in dump()


def test_the_same_occasion_is_written_once(kari: Customer) -> None:
    write(kari, "on:1")
    assert not messages.queue(
        operator=kari.operator, customer=kari, template="on", reference="on:1", context={}, now=NOW
    )
    assert Message.objects.count() == 1


def test_delivering_twice_sends_once(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    assert messages.deliver(message.pk, NOW)
    assert not messages.deliver(message.pk, LATER)
    assert len(phone.arrived) == 1


def test_what_was_not_sent_is_tried_again_after_growing_pauses(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    phone.before = [NotSent("busy"), NotSent("busy")]
    assert not messages.deliver(message.pk, NOW)
    assert not messages.deliver(message.pk, NOW + timedelta(seconds=9))
    assert len(phone.before) == 1
    assert not messages.deliver(message.pk, NOW + timedelta(seconds=10))
    message.refresh_from_db()
    assert message.next_attempt_at == NOW + timedelta(seconds=30)
    assert messages.deliver(message.pk, NOW + timedelta(seconds=30))
    assert len(phone.arrived) == 1


def test_what_is_refused_stops(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    phone.before = [Refused("550")]
    assert not messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert (message.status, message.error) == (Status.FAILED, "550")
    assert messages.due(LATER, 10) == []
    assert not messages.deliver(message.pk, LATER)
    assert phone.arrived == []


@pytest.mark.parametrize("error", [SendUnknown("time-out"), ConnectionResetError("reset"), ValueError("garbled")])
def test_an_answer_that_never_came_is_asked_for_and_nothing_sent_twice(
    kari: Customer, phone: ScriptedPhone, error: Exception
) -> None:
    message = write(kari)
    phone.after = [error]
    assert not messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN
    assert messages.deliver(message.pk, LATER)
    assert phone.asked == [message.reference]
    assert len(phone.arrived) == 1


def test_what_never_arrived_is_sent_after_asking(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    phone.before = [SendUnknown("time-out")]
    messages.deliver(message.pk, NOW)
    settled = NOW + outcomes.SETTLES + timedelta(seconds=1)
    assert not messages.deliver(message.pk, settled)
    assert messages.deliver(message.pk, settled)
    assert phone.asked == [message.reference]
    assert len(phone.arrived) == 1


def test_a_worker_killed_after_sending_leads_to_a_question_not_to_a_second_message(
    kari: Customer, phone: ScriptedPhone
) -> None:
    message = write(kari)
    phone.after = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        messages.deliver(message.pk, NOW)
    # Nobody may take it while the dead worker's lease runs.
    assert messages.due(NOW + timedelta(seconds=30), 10) == []
    assert not messages.deliver(message.pk, NOW + timedelta(seconds=30))
    assert messages.due(LATER, 10) == [message.pk]
    assert messages.deliver(message.pk, LATER)
    assert len(phone.arrived) == 1


def test_a_worker_killed_before_sending_delays_the_message_only(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    phone.before = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        messages.deliver(message.pk, NOW)
    messages.deliver(message.pk, LATER)
    assert messages.deliver(message.pk, LATER)
    assert len(phone.arrived) == 1


def test_where_nobody_can_be_asked_it_is_not_sent_again(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    phone.after = [SendUnknown("time-out")]
    messages.deliver(message.pk, NOW)

    def holds(reference: str) -> bool:
        raise CannotTell

    phone.holds = holds  # type: ignore[method-assign]
    assert not messages.deliver(message.pk, LATER)
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert "may have arrived" in message.error
    assert messages.due(LATER + timedelta(days=1), 10) == []
    assert len(phone.arrived) == 1


def test_two_days_after_it_was_written_it_stops(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    phone.before = [NotSent("busy") for _ in range(100)]
    at = NOW
    while at < NOW + messages.TRIED_FOR:
        messages.deliver(message.pk, at)
        message.refresh_from_db()
        assert message.status == Status.QUEUED
        at += messages.LONGEST_PAUSE
    messages.deliver(message.pk, at)
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert not messages.deliver(message.pk, at + messages.LONGEST_PAUSE)
    assert phone.arrived == []


def test_who_was_overtaken_cannot_undo_what_the_next_one_did(kari: Customer, phone: ScriptedPhone) -> None:
    """A worker hangs past its lease before sending; the next one asks and sends; then the first one fails."""
    message = write(kari)

    class Slow(ScriptedPhone):
        def put(self, outgoing: object) -> None:
            phone.put = ScriptedPhone.put.__get__(phone)  # type: ignore[method-assign]
            messages.deliver(message.pk, LATER)
            assert messages.deliver(message.pk, LATER)
            raise Refused("550")

    phone.put = Slow.put.__get__(phone)  # type: ignore[method-assign]
    assert not messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert message.status == Status.SENT
    assert len(phone.arrived) == 1


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_one_message_send_it_once(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    barrier = threading.Barrier(8)
    sent: list[bool] = []

    def work() -> None:
        barrier.wait()
        sent.append(messages.deliver(message.pk, NOW))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == [False] * 7 + [True]
    assert len(phone.arrived) == 1


@pytest.mark.django_db(transaction=True)
def test_eight_writers_of_one_occasion_write_one_row(kari: Customer) -> None:
    barrier = threading.Barrier(8)
    written: list[bool] = []

    def work() -> None:
        barrier.wait()
        written.append(
            messages.queue(operator=kari.operator, customer=kari, template="on", reference="on:1", context={}, now=NOW)
        )
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == [False] * 7 + [True]
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_inside_a_transaction(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    with transaction.atomic(), pytest.raises(RuntimeError):
        messages.deliver(message.pk, NOW)
    assert phone.arrived == []


@pytest.mark.django_db(transaction=True)
def test_the_carrier_is_called_outside_any_transaction(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    seen: list[bool] = []
    original = phone.put

    def put(outgoing: object) -> None:
        seen.append(connection.in_atomic_block)
        original(outgoing)  # type: ignore[arg-type]

    phone.put = put  # type: ignore[method-assign]
    assert messages.deliver(message.pk, NOW)
    assert seen == [False]


def test_a_message_rolled_back_with_its_fact_was_never_written(kari: Customer) -> None:
    with transaction.atomic():
        write(kari)
        transaction.set_rollback(True)
    assert not Message.objects.exists()


def test_a_customer_without_a_number_is_not_tried_for_ever(kari: Customer, phone: ScriptedPhone) -> None:
    kari.phone = ""
    kari.save()
    message = write(kari)
    assert not messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert (message.status, message.error) == (Status.FAILED, "the customer has no phone")


def test_an_operator_with_a_channel_that_is_not_here_stops_the_message(kari: Customer) -> None:
    kari.operator.channel = "pigeon"
    kari.operator.save()
    message = write(kari)
    assert not messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert (message.status, message.error) == (Status.FAILED, "no channel pigeon")


@pytest.mark.parametrize("values", [{"template": "no-such"}, {"context": {"amount": "?"}}, {"context": {"until": "?"}}])
def test_a_poisoned_message_is_parked(kari: Customer, phone: ScriptedPhone, values: dict[str, object]) -> None:
    message = write(kari, **values)
    assert not messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert message.error.startswith("template: ")


@pytest.mark.parametrize("ending", ["revoked", "expired"])
def test_a_link_that_ended_meanwhile_is_not_sent(
    kari: Customer, link: PaymentLink, phone: ScriptedPhone, ending: str
) -> None:
    message = write(kari, template="link", context={}, link=link)
    at = NOW
    if ending == "revoked":
        links.revoke(link, actor="system:test", now=NOW)
    else:
        at = link.expires_at
    assert not messages.deliver(message.pk, at)
    message.refresh_from_db()
    assert (message.status, message.error) == (Status.WITHHELD, "link_ended")
    assert LinkEvent.objects.filter(link=link, kind="withheld", detail="link_ended").count() == 1
    assert not messages.deliver(message.pk, at), "twice is once"
    assert LinkEvent.objects.filter(link=link, kind="withheld").count() == 1
    assert phone.arrived == []


def test_an_unknown_message_is_nothing_to_do(db: None) -> None:
    assert not messages.deliver(2**40, NOW)


def test_an_error_that_names_the_person_leaves_no_trace(
    kari: Customer, phone: ScriptedPhone, caplog: pytest.LogCaptureFixture
) -> None:
    """Law 14: neither the row nor the log says what the carrier's library put into its error."""
    message = write(kari)
    phone.before = [ValueError(f"no such number {kari.phone}")]
    messages.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert message.error == "ValueError"
    assert kari.phone not in dump() + caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_is_not_noticed_and_the_message_goes_out(
    kari: Customer, phone: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CASES fault 14."""
    waking.forget()
    monkeypatch.setattr(current_app.conf, "broker_write_url", "redis://127.0.0.1:9/0")
    began = time.monotonic()
    for number in range(10):
        with transaction.atomic():
            write(kari, f"on:{number}")
    assert time.monotonic() - began < 1
    waking.forget()
    assert sweeping.sweep(NOW) == 10


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_with_an_id_and_nothing_else(kari: Customer, valkey_url: str) -> None:
    """CASES attack 12."""
    waking.forget()
    message = write(kari)
    client = redis.Redis.from_url(valkey_url)
    [task] = [json.loads(entry) for entry in client.lrange("celery", 0, -1)]
    client.close()
    assert task["headers"]["task"] == "messaging.deliver"
    assert task["headers"]["argsrepr"] == f"({message.pk},)"


def test_writing_a_message_down_is_one_statement(
    kari: Customer, link: PaymentLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    said = {"operator": kari.operator, "customer": kari, "template": "on", "context": {}, "now": NOW, "link": link}
    with django_assert_num_queries(1):
        assert messages.queue(reference="on:1", **said)  # type: ignore[arg-type]
