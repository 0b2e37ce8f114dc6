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
from payportal.messaging.models import Message
from tests.payportal.messaging.dying_worker import FilePhone
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


def killed_worker(point: str, phone: Path) -> None:
    before, _, query = os.environ["DATABASE_URL"].partition("?")
    url = f"{before.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query}"
    environment = {**os.environ, "DATABASE_URL": url, "PHONE": str(phone), "DIE": point}
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
