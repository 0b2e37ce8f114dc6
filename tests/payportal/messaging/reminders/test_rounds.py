"""Everybody's turn comes: however many are refused before them, and whatever other operators have to say."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache

from billing.models import BillingAccount, Customer, Invoice, LegalEntity, Payment
from payportal.messaging import reminders, reminding, rounds
from payportal.messaging.models import ContactMedium, Message, ReminderRule
from tests import world
from tests.fixtures import Settings
from tests.payportal.messaging.reminders.moments import DUE, TEN
from tests.world import NOW

pytestmark = pytest.mark.django_db


def due(entity: LegalEntity, **fields: object) -> Customer:
    made = world.customer(entity.operator, **fields)
    world.bill(world.account(made, entity), due_on=DUE)
    return made


def at_the_bank(entity: LegalEntity) -> Customer:
    """Somebody who is refused for now, and is asked again at every run."""
    made = due(entity)
    Payment.objects.create(
        operator=made.operator,
        customer=made,
        link=world.link(made),
        reference=f"{made.pk:022d}",
        currency="NOK",
        amount=1,
        status="processing",
        created_at=TEN,
        touched_at=TEN,
    )
    return made


def told() -> set[int]:
    return set(Message.objects.values_list("customer_id", flat=True))


def run_short(times: int) -> int:
    """Runs that have time for one customer each."""
    return sum(reminding.remind(TEN, seconds=0) for _ in range(times))


def test_who_is_refused_stops_nobody_behind_them(entity: LegalEntity) -> None:
    for _ in range(5):
        at_the_bank(entity)
    last = due(entity)
    assert run_short(5) == 0
    assert run_short(1) == 1
    assert told() == {last.pk}


def test_a_rule_whose_customers_are_refused_stops_no_other_rule(entity: LegalEntity) -> None:
    for _ in range(3):
        at_the_bank(entity)
    late = due(entity)
    Invoice.objects.filter(account__customer=late).update(due_on=DUE - timedelta(days=10))
    run_short(4)
    assert told() == {late.pk}


def test_a_round_that_is_over_begins_anew(entity: LegalEntity) -> None:
    """Who was refused is asked again, and whose bill came meanwhile is reached too."""
    first, second = at_the_bank(entity), due(entity)
    assert run_short(2) == 1
    Payment.objects.update(status="canceled", canceled_at=TEN)
    third = due(entity)
    assert run_short(4) == 2
    assert told() == {first.pk, second.pk, third.pk}
    assert reminding.remind(TEN) == 0


def test_no_operator_waits_for_all_of_another(entity: LegalEntity) -> None:
    for _ in range(4):
        due(entity)
    others = [due(world.legal_entity(world.operator(code, is_default=False))) for code in ("nordlys", "sorvik")]
    run_short(3)
    assert {customer.pk for customer in others} <= told()
    assert run_short(3) == 3
    assert len(told()) == 6


def test_in_one_run_operators_take_turns(entity: LegalEntity) -> None:
    for _ in range(rounds.SLICE + 1):
        due(entity)
    other = due(world.legal_entity(world.operator("nordlys", is_default=False)))
    assert reminding.remind(TEN) == rounds.SLICE + 2
    order = list(Message.objects.order_by("pk").values_list("customer_id", flat=True))
    assert order.index(other.pk) == rounds.SLICE


@pytest.mark.parametrize("what", ["lost", "of a rule that is gone"])
def test_a_lost_place_means_beginning_anew(entity: LegalEntity, what: str) -> None:
    for _ in range(3):
        due(entity)
    assert run_short(2) == 2
    if what == "lost":
        cache.clear()
    else:
        ReminderRule.objects.filter(code="before").delete()
        cache.set(f"reminders:place:{entity.operator_id}", [2**40, 2**40])
    assert reminding.remind(TEN) == 1
    assert len(told()) == Message.objects.count() == 3


def test_without_valkey_everybody_is_reminded_all_the_same(entity: LegalEntity, settings: Settings) -> None:
    due(entity), due(entity)
    down = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": down}
    assert run_short(1) == 1
    assert reminding.remind(TEN) == 1
    assert len(told()) == 2


def opt_out(customer: Customer, **fields: object) -> None:
    ContactMedium.objects.create(
        operator=customer.operator,
        medium="sms",
        address=customer.phone,
        reason="stop",
        **(fields or {"opted_out_at": NOW}),
    )


@pytest.mark.parametrize(
    "refuse",
    [
        lambda made: Customer.objects.filter(pk=made.pk).update(phone=""),
        opt_out,
        lambda made: opt_out(made, unreachable_at=NOW),
    ],
    ids=["no address", "opted out", "not to be reached"],
)
def test_whom_nothing_can_be_sent_to_takes_no_time(entity: LegalEntity, refuse: Callable[[Customer], None]) -> None:
    """The database leaves them out; the list that is printed still says why."""
    refuse(due(entity))
    good = due(entity)
    assert run_short(1) == 1
    assert told() == {good.pk}
    reasons = {decision.reason for decision in reminding.plan(DUE)}
    assert reasons & {"no_address", "opted_out", "unreachable"}


def test_an_opt_out_elsewhere_leaves_nobody_out(entity: LegalEntity) -> None:
    """Another medium's, another operator's, and one that was taken back."""
    made = due(entity)
    other = world.operator("nordlys", is_default=False)
    known = [(made.operator, "whatsapp", NOW), (other, "sms", NOW), (made.operator, "sms", None)]
    for operator, medium, at in known:
        ContactMedium.objects.create(operator=operator, medium=medium, address=made.phone, opted_out_at=at)
    assert reminding.remind(TEN) == 1


def test_a_rules_own_channel_is_asked(entity: LegalEntity) -> None:
    """Who has no number has a mailbox."""
    made = due(entity, phone="", email="kari@example.org")
    assert reminding.remind(TEN) == 0
    ReminderRule.objects.filter(code="today").update(channel="email")
    assert reminding.remind(TEN) == 1
    ContactMedium.objects.create(
        operator=made.operator, medium="email", address="ola@example.org", opted_out_at=NOW, reason="stop"
    )
    due(entity, phone="", email=" Ola@Example.org")
    assert reminding.remind(TEN) == 0


def test_where_it_is_nobodys_turn_yet_a_run_ends_in_time_too(entity: LegalEntity) -> None:
    """Behind the hundreds for whom it is no time yet are those whose time has come."""
    for number in range(reminders.BATCH):
        customer = Customer(operator=entity.operator, reference=f"E{number}", phone="+447700900000", created_at=NOW)
        customer.time_zone = "America/New_York"
        customer.save()
        account = BillingAccount.objects.create(
            customer=customer, legal_entity=entity, number=f"E{number}", names={}, created_at=NOW
        )
        Invoice.objects.create(
            account=account,
            legal_entity=entity,
            number=f"E{number}",
            status="open",
            currency="NOK",
            amount=1,
            issued_on=DUE,
            due_on=DUE,
            created_at=NOW,
        )
    last = due(entity)
    assert run_short(1) == 0
    assert run_short(1) == 1
    assert told() == {last.pk}


def test_keys_are_read_in_pages(entity: LegalEntity) -> None:
    found = [due(entity).pk for _ in range(3)]
    bills = reminders.billed()
    assert reminders.customers(bills, 0, 2) == found[:2]
    assert reminders.customers(bills, found[1], 2) == found[2:]
