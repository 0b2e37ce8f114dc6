"""A network that takes a call and never comes back: what it keeps waiting, and what becomes of the job."""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.conf import settings

from activation import calls, jobs, progress, provisioners, tasks
from activation.models import ActivationJob
from activation.provisioners.base import ServiceOrder, ServiceState
from activation.provisioners.simulator import Fault, Simulator
from tests.activation import made
from tests.activation.made import NOW, World, at

Hanging = Callable[[], AbstractContextManager[None]]
REAL_PATIENCE = jobs.PATIENCE_SECONDS
PATIENCE = 0.4
# Far more than anything here takes on a busy machine, and less than whoever waits for the network would.
SOON = 20.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Patience of tenths of a second, and nothing remembered of other tests."""
    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(calls, "WAITED_SECONDS", PATIENCE / 2)
    jobs.quiet.forget()
    yield
    jobs.quiet.forget()


@pytest.fixture
def hanging(network: Simulator) -> Hanging:
    """The network's file is locked from outside: a call waits in there until this is left."""

    @contextmanager
    def locked() -> Iterator[None]:
        network.state.parent.mkdir(parents=True, exist_ok=True)
        with network.state.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    return locked


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_call_that_hangs_is_not_waited_for_and_tried_again(
    world: World, network: Simulator, hanging: Hanging
) -> None:
    payment = world.buy(world.films)
    with hanging():
        began = time.monotonic()
        assert jobs.run_due(at(0)) == 1
        assert time.monotonic() - began < SOON
        [job] = made.jobs_of(payment)
        assert (job.status, job.attempts, job.error) == ("queued", 1, "no answer in time")
        assert job.run_after > NOW
    assert jobs.run_due(at(1)) == 1
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 1


def test_what_a_call_did_after_nobody_waited_any_more_is_found(
    world: World, network: Simulator, hanging: Hanging
) -> None:
    """The one call still goes through; the next try asks first, and on is on once."""
    payment = world.buy(world.films)
    with hanging():
        jobs.run_due(at(0))
    until(network.effects)
    assert [job.status for job in made.jobs_of(payment)] == ["queued"]
    assert jobs.run_due(at(1)) == 1
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 1
    before = made.state(payment)
    assert jobs.run_due(at(5000)) == 0
    assert made.state(payment) == before


def test_what_was_answered_beside_it_is_written_down(
    world: World, network: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine of one service hangs behind a network that answers for the others."""

    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", 3.0)
    back = threading.Event()

    class Half(Simulator):
        def switch(self, order: ServiceOrder) -> ServiceState:
            if order.service_code == "films":
                back.wait(SOON)
            return super().switch(order)

    half = Half(network.state)
    monkeypatch.setitem(provisioners.REGISTRY, "simulator", lambda: half)
    payment = world.buy(world.films, world.data)
    assert jobs.run_due(at(0)) == 2
    films, data = made.jobs_of(payment)
    assert (films.status, data.status) == ("queued", "done")
    assert not jobs.quiet.is_kept()
    back.set()
    until(lambda: len(network.effects()) == 2)
    assert jobs.run_due(at(1)) == 1
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 2


def test_after_waiting_in_vain_twice_a_worker_turns_to_other_things(
    world: World, network: Simulator, hanging: Hanging
) -> None:
    """Ten jobs of a network that hangs cost a worker two waits and no more, and use up no tries of the others."""
    bought = [world.buy(world.films) for _ in range(10)]
    keys = [job.pk for payment in bought for job in made.jobs_of(payment)]
    with hanging():
        began = time.monotonic()
        assert [tasks.drain([key]) for key in keys] == [1, 1] + [0] * 8
        assert time.monotonic() - began < SOON
    assert list(ActivationJob.objects.order_by("pk").values_list("attempts", flat=True)) == [1, 1] + [0] * 8
    jobs.quiet.forget()
    assert jobs.run_due(at(10**9)) == 10
    assert all(progress.of_payment(payment).is_all_on for payment in bought)
    assert len(network.effects()) == 10


def test_a_network_that_says_no_at_once_keeps_nobody_waiting(world: World, network: Simulator) -> None:
    network.set_switches(faults=[Fault("always", "unavailable")])
    for _ in range(3):
        world.buy(world.films)
    keys = list(ActivationJob.objects.values_list("pk", flat=True))
    assert [tasks.drain([key]) for key in keys] == [1, 1, 1]
    assert not jobs.quiet.is_kept()


def test_the_patience_ends_before_the_lease_and_a_task_before_it_is_killed() -> None:
    """A call that nobody waits for any more must not be somebody else's already."""
    assert jobs.LEASE.total_seconds() > 2 * REAL_PATIENCE
    drain = tasks.DRAIN_FOR.total_seconds() + REAL_PATIENCE
    assert drain < settings.CELERY_TASK_SOFT_TIME_LIMIT / 2
    assert tasks.SWEEP_SECONDS + drain < settings.CELERY_TASK_SOFT_TIME_LIMIT
