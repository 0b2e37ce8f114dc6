"""One job, from the money to the service."""

import time
from datetime import timedelta

import pytest
from django.db import transaction

from activation import jobs, outcomes, progress, provisioners
from activation.events import ServiceActivated, ServiceDelayed
from activation.models import Activation, ActivationJob, Order, OrderItem
from activation.provisioners.base import ServiceOrder, ServiceState
from activation.provisioners.simulator import Fault, Simulator
from billing import events
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
    assert (activation.started_at, activation.ends_at) == (
        NOW + timedelta(seconds=1),
        NOW + timedelta(days=30, seconds=1),
    )
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


def test_a_lost_answer_is_asked_for_at_once(world: World, network: Simulator) -> None:
    """Fault 17: the network did it, and its answer never came."""
    network.set_switches(faults=[Fault("once", "lost_answer", times=1)])
    payment = world.buy(world.films)
    assert jobs.run_due(at(1)) == 1
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 1


@pytest.mark.parametrize("kind", ["unavailable", "broken_before", "pending"])
def test_what_may_work_later_is_tried_again_after_a_pause(world: World, network: Simulator, kind: str) -> None:
    network.set_switches(faults=[Fault("once", kind, times=1)])
    payment = world.buy(world.films)
    assert jobs.run_due(at(0)) == 1
    [job] = made.jobs_of(payment)
    assert (job.status, job.attempts, job.run_after) == ("queued", 1, NOW + timedelta(seconds=1))
    assert job.error
    assert jobs.run_due(at(0.5)) == 0

    assert jobs.run_due(at(1)) == 1
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 1


def test_the_pauses_grow_and_end_at_the_work_list(world: World, network: Simulator, told: list[object]) -> None:
    """Fault 17: after the limit, a person's list; the customer is told late and then that somebody looks, once each."""
    network.set_switches(faults=[Fault("always", "unavailable")])
    payment = world.buy(world.films)
    seconds, pauses = 0.0, []
    for _ in range(outcomes.ATTEMPTS_LIMIT):
        assert jobs.run_due(at(seconds)) == 1
        [job] = made.jobs_of(payment)
        if job.status == ActivationJob.Status.PARKED:
            break
        pauses.append((job.run_after - NOW).total_seconds() - seconds)
        seconds += pauses[-1]
        assert progress.of_payment(payment).is_any_delayed == (job.attempts >= outcomes.LATE_FROM)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert job.status == ActivationJob.Status.PARKED
    assert made.order_of(payment).status == Order.Status.HELD
    assert told == [ServiceDelayed(job_id=job.pk, payment_id=payment.pk, at=NOW + timedelta(seconds=seconds))]
    assert payment.events.filter(kind="delayed").count() == 2
    assert jobs.run_due(at(seconds + 10_000)) == 0
    assert network.effects() == []


def test_a_refused_job_is_parked_and_the_queue_goes_on(world: World, network: Simulator, told: list[object]) -> None:
    """Fault 16: a poison job is parked, what stands behind it is done."""
    network.set_switches(faults=[Fault("never", "refuse", service_code="films")])
    payment = world.buy(world.films, world.data)
    assert jobs.run_due(at(1)) == 2
    films, data = made.jobs_of(payment)
    assert (films.status, data.status) == ("parked", "done")
    assert made.order_of(payment).status == Order.Status.HELD
    assert {type(event) for event in told} == {ServiceDelayed, ServiceActivated}
    assert {thing.names["en"]: thing.state for thing in progress.of_payment(payment).things} == {
        "Films": "delayed",
        "10 GB": "on",
    }
    before = made.state(payment)
    assert jobs.run_due(at(5000)) == 0
    assert not jobs.run(films, at(5000))
    assert not outcomes.park(films, "again", NOW)
    assert made.state(payment) == before


def test_a_person_has_it_tried_again(world: World, network: Simulator) -> None:
    network.set_switches(faults=[Fault("never", "refuse", service_code="films")])
    payment = world.buy(world.films, world.data)
    jobs.run_due(at(1))
    network.set_switches()
    [parked] = ActivationJob.objects.filter(status="parked")
    assert jobs.retry(parked, actor="staff:1", now=NOW)
    assert not jobs.retry(parked, actor="staff:1", now=NOW)
    assert made.order_of(payment).status == Order.Status.IN_PROGRESS

    assert jobs.run_due(at(2)) == 1
    assert made.order_of(payment).status == Order.Status.COMPLETED
    assert len(network.effects()) == 2


def test_retrying_one_of_two_parked_jobs_leaves_the_order_on_the_list(world: World, network: Simulator) -> None:
    network.set_switches(faults=[Fault("never", "refuse")])
    payment = world.buy(world.films, world.data)
    jobs.run_due(at(1))
    assert jobs.retry(made.jobs_of(payment)[0], actor="staff:1", now=NOW)
    assert made.order_of(payment).status == Order.Status.HELD


def test_what_was_done_before_it_was_parked_is_found_by_a_retry(world: World, network: Simulator) -> None:
    network.set_switches(faults=[Fault("once", "refuse", times=1)])
    payment = world.buy(world.films)
    jobs.run_due(at(1))
    [job] = made.jobs_of(payment)
    # Somebody in the network's own control room has helped by hand, under the same order.
    network.switch(jobs.order_of(job))
    jobs.retry(job, actor="staff:1", now=NOW)
    jobs.run_due(at(2))
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 1


def test_a_job_that_kills_its_workers_is_parked_without_another_call(world: World, network: Simulator) -> None:
    """Fault 16: it was claimed again and again and nobody ever came back."""
    payment = world.buy(world.films)
    seconds = 0.0
    for _ in range(outcomes.ATTEMPTS_LIMIT):
        assert jobs.claim(at(seconds)())
        seconds += jobs.LEASE.total_seconds()
    assert jobs.run_due(at(seconds)) == 1
    [job] = made.jobs_of(payment)
    assert job.status == ActivationJob.Status.PARKED
    assert network.effects() == []


def test_a_lease_is_respected_and_then_taken_over(world: World, network: Simulator) -> None:
    """Fault 13: of two workers with one job, the one that was thought dead can't finish any more."""
    payment = world.buy(world.films)
    [slow] = jobs.claim(NOW)
    almost = jobs.LEASE.total_seconds() - 1
    assert jobs.claim(at(almost)()) == []
    [quick] = jobs.claim(at(almost + 1)())

    assert not jobs.run(slow, at(almost + 2))
    assert not Activation.objects.exists()
    assert jobs.run(quick, at(almost + 3))
    before = made.state(payment)
    assert not outcomes.finish(slow, NOW)
    assert not outcomes.postpone(slow, "late", NOW)
    assert not outcomes.park(slow, "late", NOW)
    assert made.state(payment) == before
    assert Activation.objects.count() == 1
    assert len(network.effects()) == 1


def test_the_network_is_never_called_inside_a_transaction(world: World, network: Simulator) -> None:
    world.buy(world.films)
    [job] = jobs.claim(NOW)
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        jobs.run(job, at(1))
    assert network.effects() == []


def test_a_subscriber_that_fails_does_not_undo_the_service(world: World, network: Simulator) -> None:
    def dangling(event: ServiceActivated) -> None:
        OrderItem.objects.create(order_id=999_999_999, package=world.data, amount=1, duration_days=1)

    events.subscribe(ServiceActivated, dangling)
    try:
        payment = world.buy(world.films)
        assert jobs.run_due(at(1)) == 1
    finally:
        events.unsubscribe(ServiceActivated, dangling)
    assert progress.of_payment(payment).is_all_on
    assert OrderItem.objects.count() == 1


def test_an_adapter_that_breaks_its_contract_is_asked_before_it_is_tried_again(
    world: World, network: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rude(Simulator):
        def switch(self, order: ServiceOrder) -> ServiceState:
            super().switch(order)
            raise KeyError("done, but the adapter fell over it")

    rude = Rude(network.state)
    monkeypatch.setitem(provisioners.REGISTRY, "simulator", lambda: rude)
    payment = world.buy(world.films)
    assert jobs.run_due(at(0)) == 1
    [job] = made.jobs_of(payment)
    assert (job.status, job.error) == ("queued", "KeyError")
    assert jobs.run_due(at(1)) == 1
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 1


def test_a_job_that_kills_its_workers_takes_no_other_with_it(world: World) -> None:
    """Fault 16: they are claimed together once; after that the poison is alone."""
    world.buy(world.sports, world.films, world.data)
    assert len(jobs.claim_batch(NOW, limit=10)) == 3
    after = NOW + jobs.LEASE
    assert [len(jobs.claim_batch(after, limit=10)) for _ in range(4)] == [1, 1, 1, 0]


def test_one_worker_calls_for_several_jobs_at_once(world: World, network: Simulator) -> None:
    network.set_switches(latency_ms=400)
    for _ in range(2):
        world.buy(world.sports, world.films, world.data)
    began = time.monotonic()
    assert jobs.run_due(at(1)) == 6
    assert time.monotonic() - began < 6 * 0.4
    assert len(network.effects()) == 6


def test_of_several_that_finish_together_one_broken_harms_no_other(world: World, network: Simulator) -> None:
    """Somebody has written down the service by hand: that job can't be finished, the others are."""
    payment = world.buy(world.sports, world.films, world.data)
    [item] = OrderItem.objects.filter(package=world.films)
    Activation.objects.create(
        customer=world.customer, order_item=item, reference="by hand", service_code="films", started_at=NOW
    )
    assert jobs.run_due(at(1)) == 3
    assert [job.status for job in made.jobs_of(payment)] == ["done", "running", "done"]
    assert Activation.objects.count() == 3
    assert made.order_of(payment).status == Order.Status.IN_PROGRESS


def test_finished_together_is_what_finished_alone_is(world: World, network: Simulator, told: list[object]) -> None:
    bought = [world.buy(world.films, world.data) for _ in range(2)]
    held = jobs.claim(NOW, limit=3)
    stale = jobs.claim(NOW + jobs.LEASE, only=[held[0].pk])
    assert outcomes.finish_all(held, at(1)()) == 2
    assert len(told) == Activation.objects.count() == 2
    assert outcomes.finish_all(held, at(1)()) == 0
    assert outcomes.finish_all(stale, at(2)()) == 1
    assert jobs.run_due(at(3)) == 1
    assert {made.order_of(payment).status for payment in bought} == {Order.Status.COMPLETED}
    assert [payment.events.filter(kind="switched_on").count() for payment in bought] == [2, 2]


def test_a_broken_row_does_not_stop_the_queue(world: World, network: Simulator) -> None:
    payment = world.buy(world.films, world.data)
    films, data = made.jobs_of(payment)
    ActivationJob.objects.filter(pk=films.pk).update(request={"no": "such field"})
    assert jobs.run_due(at(1)) == 2
    data.refresh_from_db()
    assert data.status == ActivationJob.Status.DONE


def test_what_is_asked_for_is_in_the_row_before_the_call_and_never_changes(world: World, network: Simulator) -> None:
    """Law 3: the same key with other words would be another order."""
    payment = world.buy(world.films)
    network.set_switches(faults=[Fault("once", "broken_before", times=1)])
    jobs.run_due(at(0))
    world.films.code, world.films.duration_days = "films-new", 31
    world.films.save()
    jobs.run_due(at(1))
    [effect] = network.effects()
    assert (effect["service_code"], effect["duration_days"]) == ("films", 30)
    [activation] = Activation.objects.filter(order_item__order=made.order_of(payment))
    assert (activation.ends_at - activation.started_at).days == 30


def test_the_longest_waiting_comes_first_and_a_limit_is_kept(world: World) -> None:
    payment = world.buy(world.sports, world.films, world.data)
    keys = [job.pk for job in made.jobs_of(payment)]
    ActivationJob.objects.filter(pk=keys[2]).update(run_after=NOW - timedelta(seconds=5))
    assert {job.pk for job in jobs.claim(NOW, limit=2)} == {keys[2], keys[0]}
    assert [job.pk for job in jobs.claim(NOW, limit=2)] == [keys[1]]


def test_nothing_is_taken_up_after_its_time(world: World) -> None:
    world.buy(world.films)
    assert jobs.run_due(at(10), until=NOW) == 0
    assert jobs.run_due(at(10), only=[]) == 0
