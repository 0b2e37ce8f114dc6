"""A customer with one bill, and a carrier that does as it is told. Imports lie inside, as one folder up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from billing.models import Customer, Invoice, LegalEntity, Operator
    from tests.payportal.messaging.carrier import PlayedCarrier


@pytest.fixture
def carrier() -> Iterator[PlayedCarrier]:
    from tests.payportal.messaging.carrier import PlayedCarrier, registered

    played = PlayedCarrier()
    with registered(played):
        yield played


@pytest.fixture
def entity(db: None) -> LegalEntity:
    from tests import world

    return world.legal_entity(world.operator())


@pytest.fixture
def operator(entity: LegalEntity) -> Operator:
    return entity.operator


@pytest.fixture
def kari(operator: Operator, carrier: PlayedCarrier) -> Customer:
    from tests import world
    from tests.payportal.messaging.carrier import speak

    made = world.customer(operator)
    speak(made, carrier.code)
    return made


@pytest.fixture
def bill(kari: Customer, entity: LegalEntity) -> Invoice:
    from tests import world
    from tests.payportal.messaging.reminders.moments import DUE

    return world.bill(world.account(kari, entity), due_on=DUE)
