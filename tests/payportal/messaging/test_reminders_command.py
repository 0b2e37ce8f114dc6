"""``manage.py reminders``: what is printed is what happens, and names nobody."""

import io
from datetime import date, datetime, time

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.models import Customer, Invoice, LegalEntity, Operator
from payportal.messaging import reminders, reminding
from payportal.messaging.models import Message, ReminderRule
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db
DUE = date(2026, 12, 7)
TEN = datetime.combine(DUE, time(9), tzinfo=NOW.tzinfo)


@pytest.fixture
def entity(db: None) -> LegalEntity:
    return world.legal_entity(world.operator())


@pytest.fixture
def operator(entity: LegalEntity) -> Operator:
    return entity.operator


@pytest.fixture
def kari(operator: Operator) -> Customer:
    return world.customer(operator)


@pytest.fixture
def bill(kari: Customer, entity: LegalEntity) -> Invoice:
    return world.bill(world.account(kari, entity), due_on=DUE)


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("reminders", *arguments, stdout=out)
    return out.getvalue()


def test_what_is_printed_is_what_is_queued(kari: Customer, entity: LegalEntity, bill: Invoice) -> None:
    others = [world.customer(kari.operator) for _ in range(4)]
    for each in others:
        world.bill(world.account(each, entity), due_on=DUE)
    Invoice.objects.filter(account__customer=others[0]).update(status="paid", amount_paid=39900)
    Customer.objects.filter(pk=others[1].pk).update(phone="")
    text = printed("--dry-run", "--on", DUE.isoformat())
    assert not Message.objects.exists()
    assert "3 would be reminded, 2 would not" in text
    assert "nothing of it is owed any more" in text
    assert "there is no number or mailbox to write to" in text
    reminding.remind(TEN)
    told = set(Message.objects.values_list("customer__reference", flat=True))
    lines = [line for line in text.splitlines() if "rule today: reminder" in line]
    assert {line.split("customer ")[1].split()[0] for line in lines} == told


def test_what_is_printed_names_nobody(bill: Invoice, kari: Customer) -> None:
    text = printed("--dry-run", "--on", DUE.isoformat())
    assert kari.reference in text
    assert kari.name not in text
    assert kari.phone not in text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--dry-run", "--on", "tomorrow"], "is no date"),
        (["--on", "2026-12-24"], "goes with --dry-run"),
        (["--operator", "nobody"], "there is no operator nobody"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(db: None, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        printed(*arguments)


def test_without_dry_run_it_reminds(bill: Invoice, operator: Operator) -> None:
    now = timezone.now()
    local = now.astimezone(reminders.permission.zone_of(Customer.objects.get(), operator))
    Invoice.objects.filter(pk=bill.pk).update(due_on=local.date())
    ReminderRule.objects.filter(code="today").update(at=local.time().replace(second=0, microsecond=0))
    assert printed() == "1 queued\n"
    assert printed() == "0 queued\n"
