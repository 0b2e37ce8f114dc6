"""What was missed is found in the rows, and put right once, however many look for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

from django.core.management import call_command

from activation import expiry, jobs, progress, subscribers, sweep, tasks
from activation.models import Activation, ActivationJob, Order
from activation.provisioners.simulator import Fault, Simulator
from billing import events, payments
from billing.events import InvoicePaid, InvoiceVoided
from tests.activation import made
from tests.activation.made import NOW, World, at

NOTHING = sweep.Found(begun=0, cancelled=0, restored=0, ended=0)


@contextmanager
def nobody_listens() -> Iterator[None]:
    """As if our subscribers had all failed: the money stands, our rows are missing."""
    deaf = [
        (InvoicePaid, subscribers.begin_order),
        (InvoicePaid, subscribers.restore_services),
        (InvoiceVoided, subscribers.cancel_order),
    ]
    for kind, handler in deaf:
        events.unsubscribe(kind, handler)
    try:
        yield
    finally:
        subscribers.connect()


def test_it_works_when_there_is_nothing_to_do(world: World) -> None:
    assert sweep.find(NOW) == NOTHING
    assert sweep.due(NOW) == []


def test_a_paid_order_without_a_job_is_begun(world: World, network: Simulator) -> None:
    with nobody_listens():
        payment = world.buy(world.films)
    assert made.jobs_of(payment) == []
    assert [thing.state for thing in progress.of_payment(payment).things] == ["waiting"]
    assert sweep.find(NOW).begun == 1
    assert sweep.find(NOW) == NOTHING
    assert jobs.run_due(at(1)) == 1
    assert progress.of_payment(payment).is_all_on
    assert payment.events.filter(kind__in=["order_started", "switched_on"]).count() == 2


def test_a_cancelled_order_that_was_paid_after_all_is_begun(world: World) -> None:
    payment = world.tap(world.films)
    payments.settle(payment.pk, made.canceled(payment), NOW)
    payment.refresh_from_db()
    with nobody_listens():
        payments.settle(payment.pk, made.came(payment), NOW)
    assert made.order_of(payment).status == Order.Status.CANCELLED
    assert sweep.find(NOW).begun == 1
    assert made.order_of(payment).status == Order.Status.IN_PROGRESS


def test_an_item_without_a_job_gets_one(world: World) -> None:
    payment = world.buy(world.films, world.data)
    made.jobs_of(payment)[0].delete()
    assert sweep.find(NOW).begun == 1
    assert len(made.jobs_of(payment)) == 2
    assert payment.events.filter(kind="order_started").count() == 1
    assert sweep.find(NOW) == NOTHING


def test_a_voided_order_is_cancelled(world: World) -> None:
    payment = world.tap(world.films)
    with nobody_listens():
        payments.settle(payment.pk, made.canceled(payment), NOW)
    assert sweep.find(NOW).cancelled == 1
    assert made.order_of(payment).status == Order.Status.CANCELLED
    assert sweep.find(NOW) == NOTHING


def test_paid_arrears_with_a_suspended_service_are_found(world: World) -> None:
    world.suspended_tv()
    bill = world.bill()
    assert sweep.find(NOW) == NOTHING
    with nobody_listens():
        payment = world.buy(bills=(bill,))
    assert sweep.find(NOW).restored == 1
    assert sweep.find(NOW) == NOTHING
    assert len(made.jobs_of(payment)) == 1


def test_a_service_that_is_off_without_arrears_comes_back_without_a_payment_too(world: World) -> None:
    activation = world.suspended_tv()
    assert sweep.find(NOW).restored == 1
    assert jobs.run_due(at(1)) == 1
    activation.refresh_from_db()
    assert activation.status == Activation.Status.ACTIVE


def test_what_was_bought_ends_on_time(world: World, network: Simulator) -> None:
    payment = world.buy(world.sports)
    jobs.run_due(at(0))
    [activation] = Activation.objects.all()
    over = NOW + timedelta(days=3)
    assert sweep.find(over - timedelta(seconds=1)) == NOTHING
    assert sweep.find(over).ended == 1
    assert sweep.find(over) == NOTHING
    assert jobs.run_due(lambda: over) == 1
    activation.refresh_from_db()
    assert (activation.status, activation.ended_at) == (Activation.Status.ENDED, over)
    assert not network.is_on(activation.reference)
    assert [line["switched"] for line in network.effects()] == ["on", "off"]
    before = made.state(payment)
    assert expiry.end_due(over) == 0
    assert jobs.run_due(lambda: over) == 0
    assert made.state(payment) == before
    assert progress.of_payment(payment).is_all_on


def test_an_end_that_the_network_refuses_is_on_the_list_and_tells_the_customer_nothing(
    world: World, network: Simulator, told: list[object]
) -> None:
    payment = world.buy(world.sports)
    jobs.run_due(at(0))
    told.clear()
    over = NOW + timedelta(days=3)
    sweep.find(over)
    network.set_switches(faults=[Fault("never", "refuse")])
    jobs.run_due(lambda: over)
    assert ActivationJob.objects.get(kind="end").status == ActivationJob.Status.PARKED
    assert told == []
    assert not payment.events.filter(kind="delayed").exists()
    assert made.order_of(payment).status == Order.Status.COMPLETED


def test_due_names_what_lies_and_what_a_dead_worker_held(world: World) -> None:
    payment = world.buy(world.films, world.data)
    held, lying = (job.pk for job in made.jobs_of(payment))
    jobs.claim(NOW, only=[held])
    assert sweep.due(NOW) == [lying]
    assert set(sweep.due(NOW + jobs.LEASE)) == {held, lying}


def test_the_task_puts_everything_due_on_its_way_even_without_a_broker(
    world: World, network: Simulator, dead_broker: None
) -> None:
    """Fault 14: the sweep does the work itself when nobody can be woken."""
    payment = world.buy(world.films)
    ActivationJob.objects.update(run_after=NOW)
    assert tasks.sweep_all() == 1
    assert progress.of_payment(payment).is_all_on


def test_the_command_does_it_all(world: World, network: Simulator) -> None:
    with nobody_listens():
        payment = world.buy(world.films)
    out = StringIO()
    call_command("activation_sweep", stdout=out)
    assert out.getvalue() == "1 orders begun, 0 cancelled, 0 services to restore, 0 to end; 1 jobs taken up\n"
    assert progress.of_payment(payment).is_all_on
