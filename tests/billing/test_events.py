"""Domain events: subscribers write rows in savepoints of their own and can't harm the money."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from billing import events
from billing.models import AuditEntry, Invoice, LinkEvent, PaymentLink
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = events.InvoiceVoided(invoice_id=1, at=NOW)


@pytest.fixture
def subscribed() -> Iterator[list]:
    taken: list = []

    def subscribe(handler) -> None:
        taken.append(handler)
        events.subscribe(events.InvoiceVoided, handler)

    yield subscribe  # type: ignore[misc]
    for handler in taken:
        events.unsubscribe(events.InvoiceVoided, handler)


def facts() -> int:
    return AuditEntry.objects.count()


def write_fact() -> None:
    AuditEntry.objects.create(at=NOW, actor="system:test", verb="x", subject_reference="x")


def test_a_subscriber_that_writes_a_dangling_foreign_key_leaves_the_fact(subscribed) -> None:
    """A deferred constraint would fire at COMMIT and take the money along."""

    def dangling(event: object) -> None:
        LinkEvent.objects.create(link_id=999_999, kind="x", at=NOW)

    subscribed(dangling)
    with transaction.atomic():
        write_fact()
        events.publish(TOLD)
    assert facts() == 1
    assert not LinkEvent.objects.exists()


def test_a_subscriber_that_raises_leaves_the_fact_and_the_next_subscriber(subscribed) -> None:
    heard = []

    def broken(event: object) -> None:
        raise RuntimeError("a mistake")

    subscribed(broken)
    subscribed(heard.append)
    with transaction.atomic():
        write_fact()
        events.publish(TOLD)
    assert facts() == 1
    assert heard == [TOLD]


def test_subscribing_twice_hears_once(subscribed) -> None:
    heard = []
    subscribed(heard.append)
    subscribed(heard.append)
    with transaction.atomic():
        events.publish(TOLD)
    assert len(heard) == 1


def test_the_lock_timeout_is_as_before_whether_a_subscriber_fails_or_not(subscribed) -> None:
    seen = []

    def look(event: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            seen.append(cursor.fetchone()[0])

    def broken(event: object) -> None:
        raise RuntimeError("a mistake")

    subscribed(look)
    subscribed(broken)
    with transaction.atomic():
        look(TOLD)
        events.publish(TOLD)
        look(TOLD)
    look(TOLD)
    assert seen == ["0", events.LOCK_TIMEOUT, "0", "0"]


def test_a_subscriber_waiting_for_a_lock_gives_up_and_the_fact_stays(subscribed, settings) -> None:
    from threading import Event, Thread

    account = world.account(world.customer(owner := world.operator()), world.legal_entity(owner))
    bill = world.bill(account)
    locked, done = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Invoice.objects.select_for_update().get(pk=bill.pk)
            locked.set()
            done.wait(20)
        connection.close()

    holder = Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(10)
        subscribed(lambda event: Invoice.objects.select_for_update().get(pk=bill.pk))
        with transaction.atomic():
            write_fact()
            events.publish(TOLD)
    finally:
        done.set()
        holder.join()
    assert AuditEntry.objects.filter(verb="x").count() == 1


def test_the_moneys_own_broken_constraint_is_no_subscribers_fault(subscribed) -> None:
    heard = []
    subscribed(heard.append)

    def broken_money() -> None:
        with transaction.atomic():
            LinkEvent.objects.create(link_id=999_999, kind="x", at=NOW)
            events.publish(TOLD)

    from django.db import IntegrityError

    with pytest.raises(IntegrityError):
        broken_money()
    assert heard == []
    assert not PaymentLink.objects.exists()


def test_telling_outside_a_transaction_is_a_mistake() -> None:
    with pytest.raises(RuntimeError):
        events.publish(TOLD)


OTHERS = [events.InvoiceVoided(invoice_id=number, at=NOW) for number in (1, 2, 3)]


@pytest.fixture
def subscribed_list() -> Iterator[list]:
    taken: list = []

    def subscribe(handler) -> None:
        taken.append(handler)
        events.subscribe_list(events.InvoiceVoided, handler)

    yield subscribe  # type: ignore[misc]
    for handler in taken:
        events.unsubscribe(events.InvoiceVoided, handler)


def test_events_told_together_reach_each_subscriber_in_its_own_way(subscribed, subscribed_list) -> None:
    one_by_one, together = [], []
    subscribed(one_by_one.append)
    subscribed_list(together.append)
    subscribed_list(together.append)
    with transaction.atomic():
        events.publish_all(OTHERS)
        events.publish(TOLD)
        events.publish_all([])
    assert one_by_one == [*OTHERS, TOLD]
    assert together == [OTHERS, [TOLD]]


def test_what_is_wrong_with_one_event_takes_nothing_from_those_told_with_it(subscribed, subscribed_list) -> None:
    """Each is then told by itself, in a savepoint of its own."""

    def write(event: events.InvoiceVoided) -> None:
        AuditEntry.objects.create(at=NOW, actor="system:test", verb="x", subject_reference=str(event.invoice_id))
        if event.invoice_id == 2:
            LinkEvent.objects.create(link_id=999_999, kind="x", at=NOW)

    subscribed(write)
    subscribed_list(lambda told: [write(event) for event in told])
    with transaction.atomic():
        write_fact()
        events.publish_all(OTHERS)
    assert sorted(AuditEntry.objects.values_list("subject_reference", flat=True)) == ["1", "1", "3", "3", "x"]
    assert not LinkEvent.objects.exists()


def test_hints_of_an_undone_savepoint_are_not_given(subscribed_list) -> None:
    """A subscriber that is told again has wished to wake somebody twice."""
    ran = []

    def hint(told: list[events.InvoiceVoided]) -> None:
        transaction.on_commit(lambda: ran.append([event.invoice_id for event in told]))
        if len(told) > 1:
            raise RuntimeError("a mistake")

    subscribed_list(hint)
    with transaction.atomic():
        events.publish_all(OTHERS)
    assert ran == [[1], [2], [3]]
