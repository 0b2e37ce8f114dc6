"""Links for many customers at once: each once, whatever happens in the middle, in batches that hold little."""

import os
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import links
from billing.models import AuditEntry, BillingAccount, Customer, Invoice, LegalEntity, LinkEvent, Operator, PaymentLink
from payportal.messaging import campaigns, draining, messages, sweeping, tasks
from payportal.messaging.campaigns import Campaign, Tally
from payportal.messaging.models import Message, MessagingPolicy
from tests import world
from tests.payportal.messaging.story import NOW, ScriptedPhone, pay, write
from tests.threads import at_once, errors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def brisvik() -> Operator:
    return world.operator()


@pytest.fixture
def entity(brisvik: Operator) -> LegalEntity:
    return world.legal_entity(brisvik)


@pytest.fixture
def owing(entity: LegalEntity) -> list[Customer]:
    """Seven customers who owe one bill each."""
    return crowd(entity, 7)


def crowd(entity: LegalEntity, count: int) -> list[Customer]:
    """So many customers with a bill, written in three statements."""
    first = Customer.objects.count()
    customers = Customer.objects.bulk_create(
        Customer(
            operator=entity.operator, reference=f"K{first + each}", phone=f"+447700900{each % 1000:03d}", created_at=NOW
        )
        for each in range(count)
    )
    accounts = BillingAccount.objects.bulk_create(
        BillingAccount(customer=customer, legal_entity=entity, number=customer.reference, created_at=NOW)
        for customer in customers
    )
    Invoice.objects.bulk_create(
        Invoice(
            account=account,
            legal_entity=entity,
            number=f"F{account.number}",
            status=Invoice.Status.OPEN,
            currency="NOK",
            amount=39900,
            issued_on=NOW.date(),
            due_on=NOW.date() + timedelta(days=10),
            created_at=NOW,
        )
        for account in accounts
    )
    return customers


def ran(campaign: Campaign, references: Sequence[str] | None = None, now: datetime = NOW) -> Tally:
    return [Tally(), *campaigns.run(campaign, now, references)][-1]


def assert_each_has_one(customers: Sequence[Customer]) -> None:
    told = Message.objects.order_by("customer").values_list("customer", "link__customer")
    assert list(told) == [(customer.pk, customer.pk) for customer in customers]
    assert PaymentLink.objects.count() == len(customers)


def test_it_works(brisvik: Operator, owing: list[Customer], phone: ScriptedPhone) -> None:
    assert ran(Campaign("march", brisvik)) == Tally(customers=7, queued=7)
    assert_each_has_one(owing)
    assert sweeping.sweep(NOW + timedelta(minutes=1)) == 7
    for said in phone.arrived:
        selector, rest = said.address.split("/")[-2:]
        found = links.resolve(brisvik, selector, rest, NOW)
        assert found.customer.phone == said.to


def test_who_did_what_is_kept_for_each_link(brisvik: Operator, owing: list[Customer]) -> None:
    ran(Campaign("march", brisvik))
    for link in PaymentLink.objects.all():
        assert (link.created_by, link.expires_at) == ("system:campaign", NOW + timedelta(days=7))
        event = LinkEvent.objects.get(link=link)
        assert (event.kind, event.actor, event.at) == ("made", "system:campaign", NOW)
        entry = AuditEntry.objects.get(subject_reference=f"link:{link.pk}")
        assert (entry.verb, entry.actor, entry.at, entry.operator) == ("make-link", "system:campaign", NOW, brisvik)


def test_a_second_run_sends_nobody_anything(brisvik: Operator, owing: list[Customer], entity: LegalEntity) -> None:
    ran(Campaign("march", brisvik))
    owing += crowd(entity, 1)
    assert ran(Campaign("march", brisvik)) == Tally(customers=8, queued=1, told_before=7)
    assert_each_has_one(owing)


def test_another_campaign_writes_to_all_again(brisvik: Operator, owing: list[Customer]) -> None:
    ran(Campaign("march", brisvik))
    assert ran(Campaign("april", brisvik)).queued == 7


def test_no_more_campaigns_than_the_cap_reach_anybody(
    brisvik: Operator, owing: list[Customer], phone: ScriptedPhone
) -> None:
    MessagingPolicy.objects.create(operator=brisvik, cap_messages=2, cap_days=7)
    for number in range(6):
        at = NOW + timedelta(hours=number)
        ran(Campaign(f"c{number}", brisvik), now=at)
        sweeping.sweep(at)
    assert len(phone.arrived) == 2 * len(owing)
    assert Message.objects.filter(status="withheld", error="capped").count() == 4 * len(owing)
    later = NOW + timedelta(days=7, hours=1)
    ran(Campaign("next week", brisvik), now=later)
    sweeping.sweep(later)
    assert len(phone.arrived) == 3 * len(owing)


def test_a_crash_in_the_middle_is_finished_by_the_next_run(
    brisvik: Operator, owing: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "BATCH", 2)

    def cut_off() -> Iterator[str]:
        for customer in owing[:5]:
            yield customer.reference
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        for _tally in campaigns.run(Campaign("march", brisvik), NOW, cut_off()):
            pass
    assert_each_has_one(owing[:4])
    assert ran(Campaign("march", brisvik)) == Tally(customers=7, queued=3, told_before=4)
    assert_each_has_one(owing)


def test_what_breaks_within_a_batch_leaves_no_link_without_its_message(
    brisvik: Operator, owing: list[Customer]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_message ADD CONSTRAINT no_more CHECK (customer_id < %s)", [owing[5].pk])
    try:
        with pytest.raises(Exception, match="no_more"):
            ran(Campaign("march", brisvik))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE messaging_message DROP CONSTRAINT no_more")
    assert not PaymentLink.objects.exists()
    ran(Campaign("march", brisvik))
    assert_each_has_one(owing)


def test_runs_side_by_side_write_to_each_once(
    brisvik: Operator, owing: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "BATCH", 3)
    results = at_once(*[lambda: ran(Campaign("march", brisvik))] * 3)
    assert not errors(results)
    assert sum(tally.queued for tally in results) == 7
    assert_each_has_one(owing)


def test_whoever_owes_nothing_or_cannot_be_reached_gets_none(brisvik: Operator, owing: list[Customer]) -> None:
    Invoice.objects.filter(account__customer=owing[0]).update(status="paid", amount_paid=39900)
    Customer.objects.filter(pk=owing[1].pk).update(phone="")
    keys = [customer.reference for customer in owing[:3]]
    expected = Tally(customers=3, queued=1, no_address=1, nothing_owed=1, unknown=1)
    assert ran(Campaign("march", brisvik), [*keys, "nobody"]) == expected
    assert Message.objects.get().customer == owing[2]


def test_only_what_was_due_so_long_ago(brisvik: Operator, owing: list[Customer]) -> None:
    """A day is one where the operator is: late in the evening of UTC it is tomorrow in Oslo."""
    for customer, due_on in zip(owing, [date(2026, 11, 20), date(2026, 11, 19)], strict=False):
        Invoice.objects.filter(account__customer=customer).update(due_on=due_on)
    evening = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert ran(Campaign("late", brisvik, overdue_days=4), now=evening).queued == 1
    assert Message.objects.get().customer == owing[1]
    assert ran(Campaign("later", brisvik, overdue_days=3), now=evening).queued == 2


def test_who_owes_in_two_currencies_gets_a_link_for_each(brisvik: Operator, owing: list[Customer]) -> None:
    world.bill(owing[0].accounts.get(), currency="EUR")
    ran(Campaign("march", brisvik))
    found = Message.objects.filter(customer=owing[0]).order_by("link__currency")
    assert [message.link and message.link.currency for message in found] == ["EUR", "NOK"]


def test_another_operators_customers_are_left_alone(brisvik: Operator, owing: list[Customer]) -> None:
    other = world.legal_entity(world.operator("solmara", currency="EUR"))
    crowd(other, 1)
    ran(Campaign("march", brisvik))
    assert_each_has_one(owing)


def test_who_pays_before_the_message_goes_out_is_left_alone(
    brisvik: Operator, owing: list[Customer], phone: ScriptedPhone
) -> None:
    ran(Campaign("march", brisvik))
    link = PaymentLink.objects.select_related("customer__operator", "operator").get(customer=owing[0])
    pay(link)
    sweeping.sweep(NOW + timedelta(minutes=1))
    message = Message.objects.get(link=link, template="link")
    assert (message.status, message.error) == ("withheld", "paid")


def test_it_waits_for_the_morning(brisvik: Operator, owing: list[Customer], phone: ScriptedPhone) -> None:
    night = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    ran(Campaign("march", brisvik), now=night)
    assert sweeping.sweep(night + timedelta(minutes=1)) == 0
    assert sweeping.sweep(datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) == 7


def test_a_batch_costs_as_many_statements_however_many_are_in_it(brisvik: Operator, entity: LegalEntity) -> None:
    counts = []
    for count in (5, 50):
        crowd(entity, count)
        with CaptureQueriesContext(connection) as queries:
            assert ran(Campaign(f"of-{count}", brisvik)).queued >= count
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_customers(
    brisvik: Operator, entity: LegalEntity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "BATCH", 50)

    def peak(name: str) -> int:
        tracemalloc.start()
        ran(Campaign(name, brisvik))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    crowd(entity, 100)
    peak("warm")
    few = peak("few")
    crowd(entity, 900)
    assert peak("many") < few * 1.5


def test_the_command_counts_first_and_sends_then(
    owing: list[Customer], capsys: pytest.CaptureFixture[str], valkey_url: str
) -> None:
    def said(*arguments: str) -> str:
        out = StringIO()
        call_command("send_links", *arguments, stdout=out)
        return out.getvalue().strip()

    assert said("--dry-run", "--name", "march") == "campaign march: 7 would be queued"
    assert not PaymentLink.objects.exists()
    assert said("--name", "march") == "campaign march: 7 queued"
    assert said("--name", "march") == "campaign march: 0 queued, 7 told before by this campaign"
    assert said("--overdue-days", "1") == f"campaign {timezone.now().date()}: 0 queued, 7 owe nothing of it"
    # Nobody watches: short runs say nothing on the way.
    assert capsys.readouterr().err == ""


def test_the_command_takes_a_list(owing: list[Customer], tmp_path: Path, valkey_url: str) -> None:
    listed = tmp_path / "who.txt"
    listed.write_text(f"{owing[2].reference}\r\n\nnobody\n{owing[2].reference}\n{owing[4].reference}", "utf-8-sig")
    out = StringIO()
    call_command("send_links", "--customers", str(listed), stdout=out)
    assert out.getvalue().strip().endswith(": 2 queued, 1 unknown")
    assert_each_has_one([owing[2], owing[4]])


def test_the_command_says_what_it_cannot_do(owing: list[Customer], tmp_path: Path) -> None:
    listed = tmp_path / "who.txt"
    listed.write_text("K1")
    world.operator("solmara", currency="EUR")
    for arguments, why in (
        (["--name", "Not a name"], "small letters"),
        (["--overdue-days", "0"], "overdue from the first day"),
        (["--operator", "nobody"], "no operator nobody"),
        (["--customers", str(tmp_path / "none")], "there is no file"),
        (["--customers", str(listed)], "--operator CODE"),
    ):
        with pytest.raises(CommandError, match=why):
            call_command("send_links", *arguments)
    Operator.objects.filter(code="solmara").update(channel="pigeons")
    with pytest.raises(CommandError, match="no channel pigeons"):
        call_command("send_links")
    assert not Message.objects.exists()


def test_a_long_queue_is_drained_in_turns(
    brisvik: Operator, entity: LegalEntity, phone: ScriptedPhone, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "A_TURN", 3)
    monkeypatch.setattr(draining, "LANES", 2)
    crowd(entity, 10)
    ran(Campaign("march", brisvik))
    client = redis.Redis.from_url(valkey_url)
    # Nothing was put before other people's tasks.
    assert client.llen("celery") == 0
    later = NOW + timedelta(minutes=1)
    draining.begin(later)
    assert client.llen("celery") == draining.LANES
    until = (later + draining.LASTS).timestamp()
    turns = [draining.turn(number % 2, until, later) for number in range(6)]
    assert turns[0] == 3
    assert turns[-1] == 0
    assert len({said.reference for said in phone.arrived}) == len(phone.arrived) == 10
    # Each turn that found something asked for another one.
    assert client.llen("celery") == draining.LANES + sum(1 for turn in turns if turn)
    client.close()


def test_a_drain_ends_by_the_clock(brisvik: Operator, owing: list[Customer], phone: ScriptedPhone) -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.flushdb()
    ran(Campaign("march", brisvik))
    assert draining.turn(0, NOW.timestamp(), NOW) > 0
    assert client.llen("celery") == 0
    client.close()


def test_the_task_takes_a_turn(kari: Customer, phone: ScriptedPhone, valkey_url: str) -> None:
    write(kari, "on:1", now=timezone.now())
    tasks.drain(0, 0.0)
    assert [said.reference for said in phone.arrived] == ["on:1"]


def test_behind_a_long_queue_what_is_tried_again_is_not_left(
    brisvik: Operator, entity: LegalEntity, phone: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 4)
    customers = crowd(entity, 10)
    ran(Campaign("march", brisvik))
    messages.queue(
        operator=brisvik,
        customer=customers[0],
        template="on",
        reference="on:urgent",
        context={"names": {"en": "Films"}},
        now=NOW + timedelta(seconds=30),
    )
    assert sweeping.sweep(NOW + timedelta(minutes=1)) == 5
    assert "on:urgent" in {said.reference for said in phone.arrived}
