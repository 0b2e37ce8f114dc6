"""Fault 13: a worker killed between every two steps. The next one, after the lease, ends the story the same way."""

import os
import signal
import subprocess
import sys

import pytest
from django.db import connection

from activation import jobs, progress
from activation.models import Activation, ActivationJob, Order
from activation.provisioners.simulator import Simulator
from tests.activation import made
from tests.activation.made import NOW, World, at

pytestmark = pytest.mark.slow

POINTS = ["before the call", "after the call", "before the commit", "after the commit"]


def killed_worker(point: str, network: Simulator) -> None:
    """Run one worker in a process of its own that is killed (-9) at that point."""
    environment = {
        **os.environ,
        "DATABASE_URL": _test_database(),
        "SIMULATOR_STATE": str(network.state),
        "PROVISIONER": "simulator",
        "DIE": point,
    }
    child = subprocess.run([sys.executable, "-m", "tests.activation.dying_worker"], env=environment, timeout=60)
    assert child.returncode == -signal.SIGKILL


def _test_database() -> str:
    """The address of the database that this test works in."""
    url = os.environ["DATABASE_URL"]
    before, _, query = url.partition("?")
    return before.rpartition("/")[0] + "/" + str(connection.settings_dict["NAME"]) + (f"?{query}" if query else "")


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_worker_costs_a_lease_and_nothing_else(world: World, network: Simulator, point: str) -> None:
    payment = world.buy(world.films, world.data)
    killed_worker(point, network)

    seconds = jobs.LEASE.total_seconds() + 1
    jobs.run_due(at(seconds))
    assert progress.of_payment(payment).is_all_on
    assert made.order_of(payment).status == Order.Status.COMPLETED
    assert Activation.objects.count() == len(network.effects()) == 2
    assert payment.events.filter(kind="switched_on").count() == 2
    before = made.state(payment)
    assert jobs.run_due(at(10 * seconds)) == 0
    assert made.state(payment) == before


@pytest.mark.parametrize("point", POINTS)
def test_restoring_survives_it_too(world: World, network: Simulator, point: str) -> None:
    activation = world.suspended_tv()
    payment = world.buy(bills=(world.bill(),))
    killed_worker(point, network)
    jobs.run_due(at(jobs.LEASE.total_seconds() + 1))
    activation.refresh_from_db()
    assert activation.status == Activation.Status.ACTIVE
    assert len(network.effects()) == 1
    assert payment.events.filter(kind="switched_on").count() == 1


def test_killed_at_every_point_one_after_the_other(world: World, network: Simulator) -> None:
    payment = world.buy(world.films)
    # Once the network has done it, nobody calls again: from then on a worker dies after having asked.
    for point in [POINTS[0], POINTS[0], POINTS[1], POINTS[2], POINTS[1], POINTS[2]]:
        killed_worker(point, network)
        ActivationJob.objects.update(run_after=NOW)
    jobs.run_due(at(1))
    assert progress.of_payment(payment).is_all_on
    assert len(network.effects()) == 1


def test_until_the_lease_is_over_nobody_else_takes_it(world: World, network: Simulator) -> None:
    world.buy(world.films)
    killed_worker("after the call", network)
    assert jobs.run_due(at(jobs.LEASE.total_seconds())) == 0
    assert jobs.run_due(at(jobs.LEASE.total_seconds() + 1)) == 1
