"""Threads on real PostgreSQL: whoever comes first, it is on once."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from activation import expiry, fulfilment, jobs, progress, subscribers, sweep
from activation.models import Activation, ActivationJob, Order, OrderItem
from activation.provisioners.simulator import Fault, Simulator
from billing import events, payments
from billing.events import InvoicePaid
from tests.activation import made
from tests.activation.made import NOW, World, at
from tests.activation.test_sweep import nobody_listens


def race(*contestants: Callable[[], object]) -> list[object]:
    """Let all begin at one moment, each on a thread and a connection of its own; what each returned."""
    barrier = threading.Barrier(len(contestants))
    results: list[object] = [None] * len(contestants)

    def run(place: int, contestant: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            results[place] = contestant()
        except BaseException as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(contestants)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert not failed, failed
    return results


def rounds(count: int) -> list[object]:
    """A few in every run, many in the long one."""
    return [3, pytest.param(count, marks=pytest.mark.slow)]


def assert_on_once(network: Simulator, services: int) -> None:
    """The measure: what the network did, and what our books say."""
    assert Activation.objects.count() == services
    assert sorted(line["service_reference"] for line in network.effects()) == sorted(
        Activation.objects.values_list("reference", flat=True)
    )


@pytest.mark.parametrize("times", rounds(200))
def test_two_workers_and_one_job(world: World, network: Simulator, times: int) -> None:
    for number in range(times):
        payment = world.buy(world.films)
        taken = race(lambda: jobs.run_due(at(1)), lambda: jobs.run_due(at(1)))
        assert sum(taken) == 1  # type: ignore[arg-type]
        assert progress.of_payment(payment).is_all_on
        assert_on_once(network, number + 1)


@pytest.mark.parametrize("times", rounds(60))
def test_four_workers_and_a_heap_of_jobs(world: World, network: Simulator, times: int) -> None:
    network.set_switches(latency_ms=1, faults=[Fault("lost", "lost_answer", times=times)])
    bought = [world.buy(world.sports, world.films, world.data) for _ in range(times)]
    taken = race(*[lambda: jobs.run_due(at(1), limit=1000)] * 4)
    assert sum(taken) == 3 * times  # type: ignore[arg-type]
    assert_on_once(network, 3 * times)
    assert {made.order_of(payment).status for payment in bought} == {Order.Status.COMPLETED}


@pytest.mark.parametrize("times", rounds(100))
def test_the_two_items_of_an_order_finish_at_the_same_moment(world: World, network: Simulator, times: int) -> None:
    """Each sees the other one's job as still running, unless the order's row is locked first."""
    for _ in range(times):
        payment = world.buy(world.films, world.data)
        films, data = jobs.claim(NOW, limit=2)
        assert race(lambda job=films: jobs.run(job, at(1)), lambda job=data: jobs.run(job, at(1))) == [True, True]
        assert made.order_of(payment).status == Order.Status.COMPLETED


@pytest.mark.parametrize("times", rounds(100))
def test_a_sweep_against_a_worker_that_was_thought_dead(world: World, network: Simulator, times: int) -> None:
    """Fault 13 and 16: the old claim and the new one finish at once; one of them writes."""
    for number in range(times):
        world.buy(world.films)
        [old] = jobs.claim(NOW)
        [new] = jobs.claim(NOW + jobs.LEASE)
        done = race(lambda job=old: jobs.run(job, at(40)), lambda job=new: jobs.run(job, at(40)))
        assert done == [False, True]
        assert_on_once(network, number + 1)


@pytest.mark.parametrize("times", rounds(100))
def test_two_sweeps_and_the_subscriber_begin_one_order(world: World, times: int) -> None:
    """Fault 16: the missing job is written once."""
    for _ in range(times):
        with nobody_listens():
            payment = world.buy(world.films)
        order = made.order_of(payment)

        def hear(order: Order = order, payment_id: int = payment.pk) -> bool:
            return fulfilment.begin(order, payment_id=payment_id, now=NOW)

        results = race(hear, hear, lambda: sweep.begin_paid(NOW), lambda: sweep.begin_paid(NOW))
        assert sum(map(int, results)) == 1  # type: ignore[arg-type]
        assert len(made.jobs_of(payment)) == 1
        assert payment.events.filter(kind="order_started").count() == 1


@pytest.mark.parametrize("times", rounds(100))
def test_two_sweeps_restore_once(world: World, network: Simulator, times: int) -> None:
    for _ in range(times):
        activation = world.suspended_tv()
        results = race(*[lambda: sweep.restore_paid_up(NOW)] * 2)
        assert sum(results) == 1  # type: ignore[arg-type]
        race(*[lambda: jobs.run_due(at(1))] * 2)
        assert len(network.effects(activation.reference)) == 1


@pytest.mark.parametrize("times", rounds(50))
def test_two_sweeps_end_once(world: World, network: Simulator, times: int) -> None:
    over = NOW + timedelta(days=3)
    for number in range(1, times + 1):
        world.buy(world.sports)
        jobs.run_due(at(0))
        race(*[lambda: expiry.end_due(over)] * 3)
        assert ActivationJob.objects.filter(kind="end").count() == number
        race(*[lambda: jobs.run_due(lambda: over)] * 2)
        assert Activation.objects.filter(status="ended").count() == number
    assert [line["switched"] for line in network.effects()].count("off") == times


def test_two_overdue_bills_paid_at_one_moment_bring_the_service_back_at_the_latest_with_the_sweep(
    world: World, network: Simulator
) -> None:
    for _ in range(5):
        activation = world.suspended_tv()
        first, second = (world.tap(bills=(world.bill(),)) for _ in range(2))
        race(
            lambda payment=first: payments.settle(payment.pk, made.came(payment), NOW),
            lambda payment=second: payments.settle(payment.pk, made.came(payment), NOW),
        )
        sweep.find(NOW)
        jobs.run_due(at(1))
        assert len(network.effects(activation.reference)) == 1
        activation.refresh_from_db()
        assert activation.status == Activation.Status.ACTIVE


def test_subscribed_twice_is_told_once(world: World) -> None:
    subscribers.connect()
    subscribers.connect()
    payment = world.buy(world.films)
    assert payment.events.filter(kind="order_started").count() == 1
    assert events._handlers[InvoicePaid].count(subscribers.begin_order) == 1


def test_a_person_and_a_worker_at_one_parked_job(world: World, network: Simulator) -> None:
    """Fault 18: two agents press "try again"; it is queued once."""
    network.set_switches(faults=[Fault("once", "refuse", times=1)])
    payment = world.buy(world.films)
    jobs.run_due(at(1))
    [job] = made.jobs_of(payment)
    pressed = race(*[lambda: jobs.retry(job, actor="staff:1", now=NOW)] * 3)
    assert sorted(pressed) == [False, False, True]  # type: ignore[type-var]
    jobs.run_due(at(2))
    assert_on_once(network, 1)


def test_rows_that_point_to_a_locked_one_do_not_wait(world: World) -> None:
    """Whoever writes about an order or a service that is being changed would else hold up, or be held up by, money."""
    activation, order = world.suspended_tv(), made.order_of(world.tap(world.films))
    payment = world.buy(bills=(world.bill(),))

    def write() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '500ms'")
            OrderItem.objects.create(order=order, package=world.data, amount=1, duration_days=1)
            fulfilment.job_for(activation, ActivationJob.Kind.END, "end-of-it", NOW).save()

    with transaction.atomic():
        assert fulfilment.begin(order, payment_id=payment.pk, now=NOW)
        assert not fulfilment.restore(activation, payment_id=payment.pk, now=NOW)
        race(write)
    assert OrderItem.objects.filter(order=order).count() == 2
