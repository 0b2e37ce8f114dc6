"""Reminding: the rules' turns are taken, links made, messages queued, and fees charged where they may be."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from datetime import time as clock
from itertools import groupby

from django.db import transaction
from django.db.models.signals import post_save

from billing import fees, links
from billing.models import Customer, Invoice, Operator
from payportal.messaging import messages, notices, reminders, rounds
from payportal.messaging.models import Message, ReminderRule
from payportal.messaging.occasions import CAPPED
from payportal.messaging.reminders import Decision, Occurrence

ACTOR = "system:reminders"
# A reminder's link lasts longer than one made on the phone: people pay in the evening, or at the weekend.
LINK_LIFETIME = timedelta(days=7)
FEE_NAMES = {"en": "Late fee", "nb": "Purregebyr", "ar": "رسم التأخير"}
LONGEST_SECONDS = 40.0
MORNING = clock(10)
DEFAULTS = (("before", -3), ("today", 0), ("after", 3), ("again", 10))


def remind(now: datetime, operator: Operator | None = None, *, seconds: float = LONGEST_SECONDS) -> int:
    """Take every turn that has come; returns how many messages were queued. Any number may run at once.

    One call ends before a worker's time limit; the next goes on where it was cut off, with the next operator.
    """
    ends = time.monotonic() + seconds
    queued = 0
    waiting = deque(rounds.begin(now, operator))
    while waiting:
        current = waiting.popleft()
        for occurrence in current.some():
            if occurrence and not (decision := decide(occurrence, now)).reason:
                queued += _take(decision, now)
            if time.monotonic() > ends:
                rounds.cut(current, waiting)
                return queued
        if current.is_over:
            current.end()
        else:
            waiting.append(current)
    return queued


def plan(day: date, operator: Operator | None = None) -> Iterator[Decision]:
    """What would be decided for a calendar day, each turn at its own moment; nothing is written.

    Customer by customer, by the clock: what one of them would get before counts for the cap.
    """
    for operator_id, group in groupby(reminders.active_rules(operator), lambda rule: rule.operator_id):
        rules = list(group)
        due = [day - timedelta(days=rule.days) for rule in rules]
        among = reminders.billed().filter(due_on__in=due, account__customer__operator_id=operator_id)
        after = 0
        while keys := reminders.customers(among, after, reminders.BATCH):
            turns = [turn for rule in rules for turn in reminders.occurrences(rule, [day], among, keys)]
            turns.sort(key=lambda turn: (turn.customer.pk, turn.at))
            for _customer, theirs in groupby(turns, lambda turn: turn.customer.pk):
                yield from _planned(theirs)
            after = keys[-1]


def _planned(turns: Iterable[Occurrence]) -> Iterator[Decision]:
    """One customer's decisions of a day, each knowing of those before."""
    besides = 0
    for turn in turns:
        decision = decide(turn, turn.at, besides)
        besides += not decision.reason and turn.template in CAPPED
        yield decision


def decide(occurrence: Occurrence, now: datetime, besides: int = 0) -> Decision:
    """Whether a turn is taken; one that costs a fee needs more."""
    decision = reminders.decide(occurrence, now, besides)
    if decision.reason or not occurrence.rule.fee_amount:
        return decision
    reasons = [reason for bill in occurrence.bills if (reason := _no_fee(occurrence, bill, now))]
    # One bill that may bear a fee is enough; the others are left alone.
    return Decision(occurrence, reasons[0]) if len(reasons) == len(occurrence.bills) else decision


def defaults_for(operator: Operator) -> int:
    """Give an operator without rules the usual ones, none of which costs anything; how many were made."""
    if ReminderRule.objects.filter(operator=operator).exists():
        return 0
    made = [ReminderRule(operator=operator, code=code, days=days, at=MORNING) for code, days in DEFAULTS]
    return len(ReminderRule.objects.bulk_create(made, ignore_conflicts=True))


def _take(decision: Decision, now: datetime) -> bool:
    """Queue the message with a fresh link, and charge the fee where one is due; False when another worker did."""
    occurrence = decision.occurrence
    with transaction.atomic():
        # One at a time for each customer: the second sees the first one's message.
        Customer.objects.select_for_update(no_key=True).get(pk=occurrence.customer.pk)
        if Message.objects.filter(reference=occurrence.reference).exists():
            return False
        message = occurrence.message(now)
        if occurrence.rule.fee_amount:
            fee = _charged(occurrence, now)
            if fee is None:
                return False
            # It is about both: who has paid the bill meanwhile learns of the fee that is still owed.
            message.context["bills"].append(fee.pk)
            message.context |= {"fee": occurrence.rule.fee_amount}
        else:
            message.context |= _announced_fee(occurrence)
        message.link = links.create(
            customer=occurrence.customer, currency=occurrence.currency, actor=ACTOR, now=now, lifetime=LINK_LIFETIME
        )
        message.next_attempt_at = decision.later_at or now
        return bool(messages.queue_all([message]))


def _charged(occurrence: Occurrence, now: datetime) -> Invoice | None:
    """Charge the fee once for a turn, on the first bill that may bear it; None when none may."""
    amount = occurrence.rule.fee_amount
    for bill in occurrence.bills:
        notice = notices.find(bill, amount, now)
        if notice is None:
            continue
        try:
            return fees.charge(invoice=bill, amount=amount, names=FEE_NAMES, notice=notice.reference, now=now)
        except fees.NoFee:
            continue
    return None


def _no_fee(occurrence: Occurrence, bill: Invoice, now: datetime) -> str:
    """Why this bill bears no fee now, as a code."""
    if not _is_in_the_rules_currency(occurrence):
        return "other_currency"
    today = occurrence.due_on + timedelta(days=occurrence.rule.days)
    return fees.why_not(bill, today) or ("" if notices.find(bill, occurrence.rule.fee_amount, now) else "no_notice")


def _is_in_the_rules_currency(occurrence: Occurrence) -> bool:
    """A rule's fee is a sum in its operator's currency: the same number in another one is another sum."""
    return occurrence.currency == occurrence.customer.operator.currency


def _announced_fee(occurrence: Occurrence) -> dict[str, object]:
    """What a friendly reminder says of the fee that will follow, if the operator has one in force."""
    if not _is_in_the_rules_currency(occurrence):
        return {}
    later = ReminderRule.objects.filter(
        operator_id=occurrence.rule.operator_id, is_active=True, fee_amount__gt=0, days__gt=occurrence.rule.days
    )
    rule = later.order_by("days").first()
    if rule is None:
        return {}
    return {"fee": rule.fee_amount, "fee_on": (occurrence.due_on + timedelta(days=rule.days)).isoformat()}


def connect() -> None:
    """Give every new operator its rules; called once when Django starts."""
    post_save.connect(_operator_saved, sender=Operator, dispatch_uid="payportal.messaging.reminding")


def _operator_saved(sender: object, instance: Operator, created: bool, **_: object) -> None:
    if created:
        defaults_for(instance)
