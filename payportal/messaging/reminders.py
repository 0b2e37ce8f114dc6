"""Who is reminded of a bill, and who is not: one rule, one day, one customer and due date at a time.

A rule speaks on one day of each bill, on the customer's clock. All bills of a customer that were due the same day go
together. Whether a reminder is still wanted is asked again when it is about to be sent (``still_wanted``), for much
happens between a morning's list and its last message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat

from billing.models import Customer, Invoice, Operator, Payment
from billing.models.invoice import InvoiceQuerySet
from payportal.messaging import channels, contacts, messages, permission
from payportal.messaging.models import ContactMedium, Message, ReminderRule

# Who tapped so lately may be about to pay, or is at the bank just now.
PAYING_FOR = timedelta(minutes=30)
# What was missed for longer than this is not made up for: a day's reminder makes no sense a day later.
MADE_UP_FOR = timedelta(hours=12)
BATCH = 500
TOLD = "told_before"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One rule's turn for one customer: the bills that were, are or will be due on that day."""

    rule: ReminderRule
    customer: Customer
    due_on: date
    currency: str
    bills: tuple[Invoice, ...]

    @property
    def reference(self) -> str:
        """Names the occasion, so that it comes once."""
        return f"reminder:{self.rule.pk}:{self.customer.pk}:{self.currency}:{self.due_on}"

    @property
    def template(self) -> str:
        """Which words are said: a fee has words of its own, whatever the rule's are."""
        return "late_fee" if self.rule.fee_amount else self.rule.template

    @property
    def at(self) -> datetime:
        """When it is this rule's turn, on the customer's clock; an hour that comes twice counts the second time."""
        zone = permission.zone_of(self.customer, self.customer.operator)
        day = self.due_on + timedelta(days=self.rule.days)
        moments = [datetime.combine(day, self.rule.at, tzinfo=zone).replace(fold=fold) for fold in (0, 1)]
        return max(moment.astimezone(UTC) for moment in moments)

    def message(self, now: datetime) -> Message:
        """The message that would be queued, written nowhere."""
        made = messages.new(
            operator=self.customer.operator,
            customer=self.customer,
            template=self.template,
            reference=self.reference,
            context=self.context(),
            now=now,
        )
        made.channel = self.rule.channel or made.channel
        return made

    def context(self) -> dict[str, Any]:
        """What the message is about: keys of bills, and the day they are due."""
        return {
            "bills": [bill.pk for bill in self.bills],
            "currency": self.currency,
            "due_on": self.due_on.isoformat(),
            "rule": self.rule.code,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen: ``reason`` is why nothing, as a code, or empty; ``later_at`` when it waits for the morning."""

    occurrence: Occurrence
    reason: str = ""
    later_at: datetime | None = None


def billed() -> InvoiceQuerySet:
    """All bills that anybody was sent, paid and withdrawn ones among them: so that it can be said why not."""
    return Invoice.objects.exclude(status=Invoice.Status.DRAFT)


def untold(rule: ReminderRule) -> InvoiceQuerySet:
    """What is owed by whoever can be written to, and was not reminded of by this rule."""
    occasion = Concat(
        Value(f"reminder:{rule.pk}:"),
        Cast(OuterRef("account__customer_id"), CharField()),
        Value(":"),
        OuterRef("currency"),
        Value(":"),
        Cast(OuterRef("due_on"), CharField()),
        output_field=CharField(),
    )
    return _reachable(rule, Invoice.objects.owed()).exclude(Exists(Message.objects.filter(reference=occasion)))


def on_days(among: InvoiceQuerySet, rule: ReminderRule, days: Sequence[date]) -> InvoiceQuerySet:
    """The bills that a rule concerns on these calendar days."""
    due = [day - timedelta(days=rule.days) for day in days]
    return among.filter(due_on__in=due, account__customer__operator_id=rule.operator_id)


def customers(among: InvoiceQuerySet, after: int, limit: int) -> list[int]:
    """Whose bills these are, by key."""
    keys = among.filter(account__customer_id__gt=after).order_by("account__customer_id")
    return list(keys.values_list("account__customer_id", flat=True).distinct()[:limit])


def occurrences(
    rule: ReminderRule, days: Sequence[date], among: InvoiceQuerySet, keys: Sequence[int]
) -> Iterator[Occurrence]:
    """Each of these customers' turns by a rule on these calendar days, for some of the bills."""
    bills = (
        on_days(among, rule, days)
        .filter(account__customer_id__in=keys)
        .select_related("account__customer__operator__messaging_policy", "account__legal_entity__operator")
        .order_by("account__customer_id", "due_on", "currency", "pk")
    )
    for (_customer, due_on, currency), group in groupby(bills, key=_occasion):
        found = tuple(group)
        yield Occurrence(rule, found[0].account.customer, due_on, currency, found)


def without_refusals(rule: ReminderRule, turns: Sequence[Occurrence]) -> list[Occurrence]:
    """Without who opted out or can't be reached where the rule speaks; ``decide`` would say so of each.

    Asked of a batch by its addresses: as a part of the greater question it takes a second or an hour, depending on
    PostgreSQL's statistics.
    """
    channel = channels.get(rule.channel or rule.operator.channel)
    written = {turn.customer.pk: getattr(turn.customer, channel.reaches) for turn in turns}
    addresses = {pk: set(contacts.spellings(channel.medium, address)) for pk, address in written.items()}
    refused = ContactMedium.objects.filter(
        Q(opted_out_at__isnull=False) | Q(unreachable_at__isnull=False),
        operator_id=rule.operator_id,
        medium=channel.medium,
        address__in=set().union(*addresses.values()),
    )
    known = set(refused.values_list("address", flat=True))
    return [turn for turn in turns if not addresses[turn.customer.pk] & known]


def days_around(rule: ReminderRule, now: datetime) -> list[date]:
    """The calendar days on which this rule's turn may be now, somewhere between UTC-12 and UTC+14."""
    earliest, latest = timedelta(hours=-14), timedelta(hours=12) + MADE_UP_FOR
    candidates = [now.date() + timedelta(days=around) for around in (-1, 0, 1)]
    moments = {day: datetime.combine(day, rule.at, tzinfo=UTC) for day in candidates}
    return [day for day, moment in moments.items() if moment + earliest <= now < moment + latest]


def decide(occurrence: Occurrence, now: datetime, besides: int = 0) -> Decision:
    """Whether this customer is reminded, and if not, why: the same for a list that is only printed.

    ``besides``: so many more messages will have gone out to them before it.
    """
    if Message.objects.filter(reference=occurrence.reference).exists():
        return Decision(occurrence, TOLD)
    reason = _open_question(occurrence.customer.pk, occurrence.currency, [bill.pk for bill in occurrence.bills], now)
    if reason:
        return Decision(occurrence, reason)
    message = occurrence.message(now)
    channel = channels.REGISTRY.get(message.channel)
    if channel is None:
        return Decision(occurrence, "no_channel")
    if not getattr(occurrence.customer, channel.reaches):
        return Decision(occurrence, "no_address")
    answer = permission.ask(message, now, besides)
    later_at = answer.at if isinstance(answer, permission.Later) else None
    if later_at:
        # What waits for the morning is held to the cap in the morning.
        answer = permission.ask(message, later_at, besides)
    if isinstance(answer, permission.Never):
        return Decision(occurrence, answer.reason)
    return Decision(occurrence, later_at=later_at)


def still_wanted(message: Message, now: datetime) -> str:
    """Why a reminder is not to be said after all, as a code; empty when it is. Asked right before it is sent."""
    bills = message.context.get("bills", [])
    return _open_question(message.customer_id, message.context.get("currency", ""), bills, now)


def active_rules(operator: Operator | None = None) -> list[ReminderRule]:
    """The rules in force of operators in business, friendly ones before those that cost."""
    rules = ReminderRule.objects.filter(is_active=True, operator__is_active=True).select_related("operator")
    if operator is not None:
        rules = rules.filter(operator=operator)
    return list(rules.order_by("operator_id", "fee_amount", "days", "pk"))


def _reachable(rule: ReminderRule, among: InvoiceQuerySet) -> InvoiceQuerySet:
    """Without those for whom the rule has no channel, or who have no address there."""
    channel = channels.REGISTRY.get(rule.channel or rule.operator.channel)
    return among.exclude(**{f"account__customer__{channel.reaches}": ""}) if channel else among.none()


def _occasion(bill: Invoice) -> tuple[int, date, str]:
    return bill.account.customer_id, bill.due_on, bill.currency


def _open_question(customer_id: int, currency: str, bills: Sequence[int], now: datetime) -> str:
    """Whether there is still something to be reminded of, and nobody at it just now."""
    if not Invoice.objects.filter(pk__in=bills).owed().exists():
        return "paid"
    paying = Payment.objects.filter(customer_id=customer_id, currency=currency).filter(
        Q(status=Payment.Status.PROCESSING) | Q(status__in=Payment.OPEN, touched_at__gt=now - PAYING_FOR)
    )
    return "paying" if paying.exists() else ""
