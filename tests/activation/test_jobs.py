"""One job, from the money to the service."""

from datetime import timedelta

import pytest

from activation import jobs, outcomes, progress
from activation.events import ServiceActivated, ServiceDelayed
from activation.models import Activation, ActivationJob, Order
from activation.provisioners.simulator import Fault, Simulator
from tests.activation import made
from tests.activation.made import NOW, World, at


def test_it_works(world: World, network: Simulator, told: list[object]) -> None:
    payment = world.buy(world.films)
    order = made.order_of(payment)
    assert order.status == Order.Status.IN_PROGRESS
    assert [thing.state for thing in progress.of_payment(payment).things] == ["waiting"]

    assert jobs.run_due(at(1)) == 1

    activation = Activation.objects.get(order_item__order=order)
    assert activation.status == Activation.Status.ACTIVE
    assert activation.device == world.tv
    assert (activation.started_at, activation.ends_at) == (NOW + timedelta(seconds=1), NOW + timedelta(days=30, seconds=1))
    order.refresh_from_db()
    assert (order.status, order.completed_at) == (Order.Status.COMPLETED, NOW + timedelta(seconds=1))
    assert network.is_on(activation.reference)
    assert told == [ServiceActivated(activation_id=activation.pk, payment_id=payment.pk, at=NOW + timedelta(seconds=1))]
    kinds = list(payment.events.order_by("pk").values_list("kind", flat=True))
    assert kinds[-2:] == ["order_started", "switched_on"]
    shown = progress.of_payment(payment)
    assert shown.is_all_on
    assert shown.things[0].device_names == {"en": "living room"}


def test_done_twice_is_done_once(world: World, network: Simulator) -> None:
    payment = world.buy(world.films, world.data)
    for job in jobs.claim(NOW, limit=10):
        assert jobs.run(job, at(1))
    before = made.state(payment)

    assert jobs.run_due(at(2)) == 0
    for job in made.jobs_of(payment):
        assert not jobs.run(job, at(3))

    assert made.state(payment) == before
    assert len(network.effects()) == 2
