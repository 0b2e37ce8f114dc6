"""CASES fault 13: a worker killed between every two steps of a message; the sweep ends the story the same way."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from billing.models import Customer, LinkEvent, PaymentLink
from payportal.messaging import channels, messages, outcomes, sweeping
from payportal.messaging.channels.outbox import Outbox
from payportal.messaging.models import Handover, Message
from tests.payportal.messaging.carrier import outcomes_of, speak
from tests.payportal.messaging.dying_worker import FilePhone, outbox
from tests.payportal.messaging.story import NOW, ScriptedPhone, write

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

POINTS = [
    "before the claim is committed",
    "before the row is committed",
    "before the call",
    "after the call",
    "before the answer is stored",
    "before the answer is committed",
    "after all",
]


def killed_worker(point: str, phone: Path, mute: bool = False) -> None:
    before, _, query = os.environ["DATABASE_URL"].partition("?")
    url = f"{before.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query}"
    environment = {**os.environ, "DATABASE_URL": url, "PHONE": str(phone), "DIE": point, "MUTE": "1" if mute else ""}
    command = [sys.executable, "-m", "tests.payportal.messaging.dying_worker"]
    assert subprocess.run(command, env=environment, timeout=60).returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_worker_costs_a_lease_and_nothing_else(
    kari: Customer, link: PaymentLink, phone: ScriptedPhone, tmp_path: Path, point: str
) -> None:
    write(kari, "link:1", template="link", context={}, link=link)
    far = FilePhone(tmp_path / "phone.jsonl")
    killed_worker(point, far.path)

    channels.register(Outbox(far))
    late = NOW + messages.LEASE + timedelta(seconds=1)
    for second in range(3):
        sweeping.sweep(late + timedelta(seconds=second))
    assert far.arrived() == ["link:1"]
    message = Message.objects.get()
    assert message.status == Message.Status.SENT
    assert message.handovers.exclude(outcome__in=outcomes.ENDED).count() == 1
    assert LinkEvent.objects.filter(link=link, kind="sent").count() == 1


# Where the worker dies with its row written, and how many copies are at the carrier by then.
AFTER_THE_ROW = [("before the call", 0), ("after the call", 1), ("before the answer is committed", 1)]


def killed_and_looked_after(kari: Customer, link: PaymentLink, far: FilePhone, point: str, on_unknown: str) -> Message:
    """The message after its worker died there, and a day in which the sweep does what is due; nobody can be asked."""
    speak(kari, "outbox", on_unknown=on_unknown)
    write(kari, "link:1", template="link", context={}, link=link)
    killed_worker(point, far.path, mute=True)
    channels.register(outbox(far, mute=True))
    at = NOW + messages.LEASE + timedelta(seconds=1)
    for pause in (timedelta(0), outcomes.PATIENCE, timedelta(seconds=20), timedelta(days=1)):
        at += pause
        sweeping.sweep(at)
    return Message.objects.get()


@pytest.mark.parametrize(("point", "copies"), AFTER_THE_ROW)
def test_where_nobody_can_be_asked_a_killed_workers_message_is_left_and_says_so(
    kari: Customer, link: PaymentLink, phone: ScriptedPhone, tmp_path: Path, point: str, copies: int
) -> None:
    far = FilePhone(tmp_path / "phone.jsonl")
    message = killed_and_looked_after(kari, link, far, point, "leave")
    assert (message.status, message.error) == (Message.Status.FAILED, "it may have arrived; the channel can't tell")
    assert outcomes_of(message) == [Handover.Outcome.UNKNOWN]
    assert far.arrived() == ["link:1"] * copies


@pytest.mark.parametrize(("point", "copies"), AFTER_THE_ROW)
def test_where_the_policy_says_so_a_killed_workers_message_is_sent_once_more_and_no_more(
    kari: Customer, link: PaymentLink, phone: ScriptedPhone, tmp_path: Path, point: str, copies: int
) -> None:
    far = FilePhone(tmp_path / "phone.jsonl")
    message = killed_and_looked_after(kari, link, far, point, "again")
    assert message.status == Message.Status.SENT
    assert outcomes_of(message) == [Handover.Outcome.GIVEN_UP, Handover.Outcome.ACCEPTED]
    assert far.arrived() == ["link:1"] * (copies + 1)
    assert LinkEvent.objects.filter(link=link, kind="sent").count() == 1
