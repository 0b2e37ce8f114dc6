"""What was paid for is begun, and what was suspended comes back: rows, once."""

from datetime import UTC, datetime, timedelta

import pytest

from activation import checkout, expiry, fulfilment, jobs, progress, suspension
from activation.events import ServiceActivated
from activation.models import Activation, ActivationJob, Order
from activation.provisioners.simulator import Fault, Simulator
from billing import payments
from billing.models import AuditEntry, BillingAccount, Invoice, Payment
from tests.activation import made
from tests.activation.made import NOW, World, at


@pytest.fixture
def rows(db: None) -> World:
    """A world for tests that call no network."""
    return made.world()


def test_it_works(rows: World) -> None:
    payment = rows.buy(rows.films, rows.data)
    assert made.order_of(payment).status == Order.Status.IN_PROGRESS
    assert [(job.kind, job.status, job.attempts) for job in made.jobs_of(payment)] == [("activate", "queued", 0)] * 2
    assert len({job.idempotency_key for job in made.jobs_of(payment)}) == 2


def test_begun_twice_is_begun_once(rows: World) -> None:
    payment = rows.buy(rows.films)
    before = made.state(payment)
    assert not payments.settle(payment.pk, made.came(payment), NOW + timedelta(minutes=1))
    assert not fulfilment.begin(made.order_of(payment), payment_id=payment.pk, now=NOW + timedelta(minutes=1))
    assert made.state(payment) == before


def test_what_an_older_sum_paid_for_shows_nothing_that_was_ticked_since(rows: World) -> None:
    """A phone that still held the sum without the package paid: nothing is on its way, and the page may end."""
    bill, link = rows.bill(), rows.link()
    asked = {"link": link, "bill_ids": [bill.pk], "now": NOW}
    payment = checkout.start(**asked, package_ids=[], amount_shown=bill.amount)
    came = made.came(payment)
    checkout.start(**asked, package_ids=[rows.films.pk], amount_shown=bill.amount + rows.films.amount)
    assert payments.settle(payment.pk, came, NOW)
    payment.refresh_from_db()
    assert (payment.status, payment.version, payment.needs_person) == ("succeeded", 2, "")
    assert progress.of_payment(payment).things == ()
    assert Order.objects.get().status == Order.Status.CANCELLED


def test_whatever_is_written_down_names_its_operator(world: World, network: Simulator) -> None:
    """Law 12: staff of one operator read its trail, and nothing of it may be missing there."""
    world.suspended_tv()
    dropped = world.tap(world.data)
    payments.settle(dropped.pk, made.canceled(dropped), NOW)
    world.buy(world.films, bills=(world.bill(),))
    jobs.run_due(at(1))
    later = at(40 * 86400)
    expiry.end_due(later())
    jobs.run_due(later)
    network.set_switches(faults=[Fault("never", "refuse")])
    world.buy(world.sports)
    jobs.run_due(at(2))
    entries = AuditEntry.objects.filter(actor="system:activation")
    assert set(entries.values_list("verb", flat=True)) == {
        "suspend-service",
        "restore-service",
        "cancel-order",
        "begin-order",
        "switch-on",
        "switch-off",
        "park-job",
    }
    assert set(entries.values_list("operator_id", flat=True)) == {world.operator.pk}


def test_a_finished_order_is_not_begun_again(world: World) -> None:
    payment = world.buy(world.films)
    jobs.run_due(at(1))
    before = made.state(payment)
    assert not fulfilment.begin(made.order_of(payment), payment_id=payment.pk, now=at(2)())
    assert made.state(payment) == before


def test_an_order_that_waits_for_a_person_stays_on_the_list(rows: World) -> None:
    payment = rows.buy(rows.films)
    Order.objects.update(status=Order.Status.HELD)
    assert not fulfilment.begin(made.order_of(payment), payment_id=payment.pk, now=NOW)
    assert made.order_of(payment).status == Order.Status.HELD


def test_money_that_comes_after_all_switches_on_what_was_cancelled(world: World, network: Simulator) -> None:
    payment = world.tap(world.films)
    payments.settle(payment.pk, made.canceled(payment), NOW)
    assert made.order_of(payment).status == Order.Status.CANCELLED
    payment.refresh_from_db()
    assert payments.settle(payment.pk, made.came(payment), NOW)
    assert made.order_of(payment).status == Order.Status.IN_PROGRESS
    assert jobs.run_due(at(1)) == 1
    assert made.order_of(payment).status == Order.Status.COMPLETED
    assert len(network.effects()) == 1


def test_a_payment_of_bills_alone_begins_nothing(rows: World) -> None:
    payment = rows.buy(bills=(rows.bill(),))
    assert made.jobs_of(payment) == []
    assert not payment.events.filter(kind="order_started").exists()


def test_paying_what_is_overdue_brings_the_television_back(
    world: World, network: Simulator, told: list[object]
) -> None:
    activation = world.suspended_tv()
    payment = world.buy(bills=(world.bill(),))
    [job] = made.jobs_of(payment)
    assert (job.kind, job.idempotency_key) == ("restore", f"restore-{activation.reference}-1")
    assert jobs.run_due(at(1)) == 1
    activation.refresh_from_db()
    assert activation.status == Activation.Status.ACTIVE
    assert network.is_on(activation.reference)
    assert told == [ServiceActivated(activation_id=activation.pk, payment_id=payment.pk, at=at(1)())]
    assert payment.events.filter(kind="switched_on").count() == 1


def test_restored_twice_is_restored_once(world: World, network: Simulator) -> None:
    activation = world.suspended_tv()
    payment = world.buy(bills=(world.bill(),))
    assert not fulfilment.restore(activation, payment_id=payment.pk, now=NOW)
    [job] = jobs.claim(NOW, limit=9)
    assert jobs.run(job, at(1))
    before = made.state(payment)
    assert not jobs.run(job, at(1))
    assert not fulfilment.restore(activation, payment_id=payment.pk, now=NOW)
    assert made.state(payment) == before
    assert len(network.effects()) == 1


def test_each_suspension_is_lifted_once(world: World, network: Simulator) -> None:
    activation = world.suspended_tv()
    world.buy(bills=(world.bill(),))
    jobs.run_due(at(1))
    assert suspension.suspend(activation, at(2)())
    assert not suspension.suspend(activation, at(2)())
    again = world.buy(bills=(world.bill(),))
    assert [job.idempotency_key for job in made.jobs_of(again)] == [f"restore-{activation.reference}-2"]


def test_a_bill_left_overdue_keeps_it_off(rows: World) -> None:
    activation = rows.suspended_tv()
    first, second = rows.bill(100), rows.bill(200)
    payment = rows.buy(bills=(first,))
    assert made.jobs_of(payment) == []
    rest = rows.buy(bills=(second,))
    assert [job.activation for job in made.jobs_of(rest)] == [activation]


def test_both_overdue_bills_in_one_payment_bring_it_back_once(rows: World) -> None:
    rows.suspended_tv()
    payment = rows.buy(bills=(rows.bill(100), rows.bill(200)))
    assert len(made.jobs_of(payment)) == 1


def test_a_bill_that_is_not_due_yet_does_not_matter(rows: World) -> None:
    rows.suspended_tv()
    rows.bill(300, due_in=10)
    assert len(made.jobs_of(rows.buy(bills=(rows.bill(),)))) == 1


def test_another_accounts_arrears_do_not_matter(rows: World) -> None:
    mobile = BillingAccount.objects.create(
        customer=rows.customer, legal_entity=rows.entity, number="200", created_at=NOW
    )
    rows.bill(500, account=mobile)
    rows.suspended_tv()
    assert len(made.jobs_of(rows.buy(bills=(rows.bill(),)))) == 1


def test_overdue_is_a_matter_of_the_operators_calendar(rows: World) -> None:
    """Fault 19: at 23:30 UTC it is tomorrow in Oslo."""
    rows.bill(due_in=0)
    last_minute = datetime(2026, 3, 2, 22, 59, tzinfo=UTC)
    assert not fulfilment.owes_overdue(rows.account, last_minute)
    assert fulfilment.owes_overdue(rows.account, last_minute + timedelta(minutes=1))


def test_a_broken_subscriber_of_ours_leaves_the_money_where_it_is(rows: World) -> None:
    payment = rows.tap(rows.films)
    # No job can be written: its key is taken.
    [item] = made.order_of(payment).items.all()
    ActivationJob.objects.create(
        kind="activate",
        order_item=item,
        idempotency_key=f"activate-{item.order.reference}-{item.pk}",
        created_at=NOW,
        run_after=NOW,
    )
    ActivationJob.objects.update(order_item=_another_item(rows))
    assert payments.settle(payment.pk, made.came(payment), NOW)
    payment.refresh_from_db()
    assert payment.status == Payment.Status.SUCCEEDED
    order = made.order_of(payment)
    assert order.invoice.status == Invoice.Status.PAID
    assert order.status == Order.Status.ACKNOWLEDGED


def _another_item(world: World) -> object:
    return made.order_of(world.tap(world.data)).items.get()
