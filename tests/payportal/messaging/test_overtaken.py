"""A worker that is slower than its claim, and another one that took the message over meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from billing.models import Alarm, Customer
from payportal.messaging import claims, delivering, messages
from payportal.messaging.channels.base import Outgoing
from payportal.messaging.models import Handover, Message
from tests.payportal.messaging.carrier import Carriers, outcomes_of, with_second
from tests.payportal.messaging.story import NOW, write

pytestmark = pytest.mark.django_db
Status, Outcome = Message.Status, Handover.Outcome
LATER = NOW + messages.LEASE + timedelta(seconds=5)


def test_who_is_overtaken_while_preparing_hands_nothing_over(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    slow = claims.claim(message.pk, NOW)
    assert slow is not None
    assert delivering.deliver(message.pk, LATER)
    outgoing = Outgoing("on:test", kari.phone, "Brisvik", "en", "", "words")
    assert delivering._begin(slow, carriers.first, outgoing, LATER) is None
    assert carriers.calls() == (1, 0)


@contextmanager
def overtaken(at: datetime) -> Iterator[list[datetime]]:
    """Whoever prepares a message in here is slow: when it asks for the number's past, another worker is done with it.

    Yields when that was.
    """
    times: list[datetime] = []

    def other(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and "messaging_contactmedium" in sql and not times:
            times.append(at)
            delivering.deliver(Message.objects.get().pk, at)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(other):
        yield times


def test_who_is_overtaken_while_preparing_calls_nobody_though_the_second_channel_has_its_turn(
    kari: Customer, carriers: Carriers
) -> None:
    """The overtaker was refused for good: its hand-over stands in nobody's way any more, and only the claim does."""
    with_second(kari, carriers)
    message = write(kari)
    carriers.first.words = ["refused"]
    with overtaken(LATER) as times:
        assert not delivering.deliver(message.pk, NOW)
    assert times == [LATER]
    assert carriers.calls() == (1, 0)
    assert outcomes_of(message) == [Outcome.REFUSED]
    message.refresh_from_db()
    assert (message.status, message.channel) == (Status.QUEUED, "played_sms")
    with overtaken(LATER + messages.LEASE + timedelta(seconds=5)):
        assert not delivering.deliver(message.pk, LATER + timedelta(seconds=1))
    assert carriers.calls() == (1, 1)
    assert outcomes_of(message) == [Outcome.REFUSED, Outcome.ACCEPTED]


def test_two_that_arrive_after_all_are_an_alarm(kari: Customer, carriers: Carriers) -> None:
    """A worker hangs in its call for longer than a lease; asked, the carrier has nothing; then both arrive."""
    message = write(kari)

    def overtaken(told: Outgoing) -> None:
        carriers.first.meanwhile = lambda told: None
        copy = carriers.first.copies.pop()
        delivering.deliver(message.pk, LATER)
        assert delivering.deliver(message.pk, LATER)
        carriers.first.copies.append(copy)

    carriers.first.meanwhile = overtaken
    delivering.deliver(message.pk, NOW)
    assert len(carriers.first.copies) == 2
    assert outcomes_of(message) == [Outcome.NOT_SENT, Outcome.ACCEPTED]
    assert Alarm.objects.get().kind == "sent_twice"
    message.refresh_from_db()
    assert message.status == Status.SENT
