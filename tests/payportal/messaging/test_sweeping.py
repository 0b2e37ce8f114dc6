"""What was left lying or never written is found and finished, by any number of sweeps at once."""

import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from activation import jobs
from billing.models import Customer, Payment, PaymentLink
from payportal.messaging import messages, sweeping, tasks
from payportal.messaging.channels.base import NotSent
from payportal.messaging.models import Message
from tests.payportal.messaging.story import NOW, ScriptedPhone, pay, write

pytestmark = pytest.mark.django_db(transaction=True)
SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def paid_and_on(link: PaymentLink, settings: Settings, tmp_path: Path) -> Payment:
    """A payment whose TV is on again, and of which nobody was told."""
    settings.PROVISIONER = "simulator"
    settings.SIMULATOR_STATE = str(tmp_path / "network.jsonl")
    payment = pay(link)
    jobs.run_due(lambda: SOON)
    assert Message.objects.count() == 2
    Message.objects.all().delete()
    return payment


def test_it_works(kari: Customer, phone: ScriptedPhone) -> None:
    write(kari, "on:1")
    write(kari, "on:2")
    assert sweeping.sweep(SOON) == 2
    assert sweeping.sweep(SOON) == 0
    assert len(phone.arrived) == 2


def test_missing_messages_are_written_and_sent_once(paid_and_on: Payment, phone: ScriptedPhone) -> None:
    assert sweeping.sweep(SOON) == 2
    assert sweeping.sweep(SOON) == 0
    assert sorted(message.reference for message in phone.arrived) == [
        "on:tv-20461:1",
        f"receipt:{paid_and_on.reference}",
    ]
    assert set(Message.objects.values_list("payment", "link")) == {(paid_and_on.pk, paid_and_on.link_id)}


def test_old_news_is_not_made_up_for(paid_and_on: Payment, phone: ScriptedPhone) -> None:
    assert sweeping.sweep(SOON + sweeping.LOOK_BACK + timedelta(days=1)) == 0
    assert phone.arrived == []


def test_a_service_that_is_paused_again_is_not_told_to_be_on(paid_and_on: Payment, phone: ScriptedPhone) -> None:
    paid_and_on.customer.activations.update(status="suspended")
    assert sweeping.write_missing(SOON, NOW) == 1
    assert Message.objects.get().template == "receipt"


def test_a_poisoned_message_does_not_stop_the_queue(kari: Customer, phone: ScriptedPhone) -> None:
    """CASES fault 16."""
    write(kari, "on:1", template="no-such")
    write(kari, "on:2", context={"amount": 1, "currency": 3})
    write(kari, "on:3")
    assert sweeping.sweep(SOON) == 1
    assert sorted(Message.objects.values_list("reference", "status")) == [
        ("on:1", "failed"),
        ("on:2", "failed"),
        ("on:3", "sent"),
    ]


def test_a_dead_workers_message_is_finished(kari: Customer, phone: ScriptedPhone) -> None:
    """CASES fault 13: killed between the claim and the send, or between the send and the answer."""
    for reference, fault in (("on:1", phone.before), ("on:2", phone.after)):
        message = write(kari, reference)
        fault.append(SystemExit())
        with pytest.raises(SystemExit):
            messages.deliver(message.pk, NOW)
    assert sweeping.sweep(NOW + timedelta(seconds=30)) == 0
    late = NOW + messages.LEASE + timedelta(seconds=5)
    assert sum(sweeping.sweep(late + timedelta(seconds=each)) for each in range(3)) == 2
    assert sorted(message.reference for message in phone.arrived) == ["on:1", "on:2"]


def test_four_sweeps_at_once_send_each_message_once(paid_and_on: Payment, kari: Customer, phone: ScriptedPhone) -> None:
    """CASES fault 16."""
    for number in range(20):
        write(kari, f"on:{number}")
    barrier = threading.Barrier(4)
    sent: list[int] = []

    def work() -> None:
        barrier.wait()
        sent.append(sweeping.sweep(SOON))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == len(phone.arrived) == 22
    assert len({message.reference for message in phone.arrived}) == 22


def test_what_is_not_due_yet_waits(kari: Customer, phone: ScriptedPhone) -> None:
    write(kari)
    phone.before = [NotSent("busy")]
    assert sweeping.sweep(NOW) == 0
    assert sweeping.sweep(NOW + timedelta(seconds=5)) == 0
    assert sweeping.sweep(NOW + messages.FIRST_PAUSE + timedelta(seconds=5)) == 1


def test_the_command_and_the_tasks_do_the_same(kari: Customer, phone: ScriptedPhone) -> None:
    now = timezone.now()
    write(kari, "on:1", now=now)
    out = StringIO()
    call_command("messaging_sweep", stdout=out)
    assert out.getvalue() == "1 sent\n"
    write(kari, "on:2", now=now)
    tasks.sweep()
    tasks.deliver(write(kari, "on:3", now=now).pk)
    assert len(phone.arrived) == 3
