"""``manage.py reminders``: what is printed is what happens, and names nobody."""

import io
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.models import Customer, Invoice, LegalEntity, Operator
from payportal.messaging import messages, reminders, reminding
from payportal.messaging.models import Message, ReminderRule
from tests import world
from tests.payportal.messaging.reminders.moments import DUE, TEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def kari(operator: Operator) -> Customer:
    return world.customer(operator)


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


def send_all(now: datetime) -> None:
    for message_id in messages.due(now, 100):
        messages.deliver(message_id, now)


@pytest.mark.parametrize("at", [time(10), time(23, 30)], ids=["by day", "at night"])
def test_who_has_many_bills_is_promised_no_more_than_the_cap_allows(
    kari: Customer, entity: LegalEntity, bill: Invoice, at: time
) -> None:
    """Four bills, four rules on one day, three messages in seven days; somebody else's count for themselves."""
    ReminderRule.objects.update(at=at)
    for days in (3, -3, -10):
        world.bill(bill.account, due_on=DUE + timedelta(days=days))
    other = world.customer(kari.operator)
    world.bill(world.account(other, entity), due_on=DUE)
    text = printed("--dry-run", "--on", DUE.isoformat())
    assert "4 would be reminded, 1 would not" in text
    [refused] = [line for line in text.splitlines() if "have heard enough" in line]
    assert kari.reference in refused
    now = datetime.combine(DUE, at, tzinfo=ZoneInfo("Europe/Oslo"))
    reminding.remind(now)
    send_all(now)
    send_all(now + timedelta(hours=9))
    sent = Message.objects.filter(status="sent")
    assert sent.count() == 4
    promised = {line.split("rule ")[1].split(":")[0] for line in text.splitlines() if ": reminder for" in line}
    assert {message.context["rule"] for message in sent} == promised


def test_what_comes_first_by_the_clock_is_promised_first(bill: Invoice) -> None:
    """The rule that speaks latest that day is the one that the cap leaves out."""
    ReminderRule.objects.filter(code="before").update(at=time(20))
    for days in (3, -3, -10):
        world.bill(bill.account, due_on=DUE + timedelta(days=days))
    [refused] = [decision for decision in reminding.plan(DUE) if decision.reason]
    assert (refused.occurrence.rule.code, refused.reason) == ("before", "capped")


def test_what_was_sent_before_counts_too(kari: Customer, bill: Invoice) -> None:
    for days in (0, 1, 2):
        made = messages.new(
            operator=kari.operator, customer=kari, template="reminder", reference=f"r:{days}", context={}, now=TEN
        )
        made.status, made.sent_at = "sent", TEN - timedelta(days=days)
        made.save()
    [refused] = reminding.plan(DUE)
    assert refused.reason == "capped"


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
