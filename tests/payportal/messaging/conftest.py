"""Fixtures of the messages' tests. Imports lie inside: pytest may read this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from billing.models import Customer, PaymentLink
    from tests.payportal.messaging.carrier import Carriers
    from tests.payportal.messaging.story import ScriptedPhone


@pytest.fixture
def phone() -> Iterator[ScriptedPhone]:
    from payportal.messaging import channels
    from payportal.messaging.channels.outbox import Outbox
    from tests.payportal.messaging.story import ScriptedPhone

    before = channels.REGISTRY["outbox"]
    scripted = ScriptedPhone()
    channels.register(Outbox(scripted))
    yield scripted
    channels.register(before)


@pytest.fixture
def kari(db: None) -> Customer:
    """The demo's customer who owes two bills, English-speaking, with a phone number and a mail address."""
    from payportal.demo import data
    from tests.payportal.messaging.story import NOW

    data.load(NOW)
    return data.customer(data.PRINTED_CUSTOMER)


@pytest.fixture
def link(kari: Customer) -> PaymentLink:
    from billing import links
    from tests.payportal.messaging.story import NOW

    return links.create(customer=kari, currency="NOK", actor="system:test", now=NOW, lifetime=timedelta(hours=2))


@pytest.fixture
def carriers(kari: Customer) -> Iterator[Carriers]:
    """Two that do what they are told; Kari's operator sends by the first."""
    from tests.payportal.messaging.carrier import Carriers, registered, speak

    made = Carriers()
    with registered(made.first, made.second):
        speak(kari, made.first.code)
        yield made
