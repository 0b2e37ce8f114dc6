from argparse import ArgumentParser
from collections import Counter
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.models import Operator
from payportal.messaging import reminding
from payportal.messaging.reminders import Decision

# Why a customer gets nothing, in words.
REASONS = {
    "told_before": "this rule has reminded them of it already",
    "paid": "nothing of it is owed any more",
    "paying": "they are paying just now",
    "no_channel": "the channel is not there",
    "no_address": "there is no number or mailbox to write to",
    "opted_out": "they want no more messages there",
    "unreachable": "that number can't be reached there",
    "capped": "they have heard enough from us these days",
    "link_ended": "the link was withdrawn",
    "other_currency": "the fee is a sum in the operator's currency, and the bill is in another",
    "no_notice": "no notice of the fee was delivered two weeks before, with a link that worked",
    "not_late_enough": "it is not two weeks late",
    "charged_before": "a fee was charged for it before",
    "is_a_fee": "it is itself a fee",
}


class Command(BaseCommand):
    """Reminds whoever is to be reminded now, or prints who would be on a day, and who would not and why."""

    help = "Queue the reminders whose time has come; with --dry-run print what a day's would be."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="print, and write nothing")
        parser.add_argument("--on", metavar="DATE", help="the day to look at, as 2026-12-24; only with --dry-run")
        parser.add_argument("--operator", metavar="CODE", help="this operator's customers alone")

    def handle(self, *, dry_run: bool, on: str | None, operator: str | None, **options: Any) -> None:
        found = self._operator(operator)
        if on and not dry_run:
            raise CommandError("--on goes with --dry-run: reminders are only ever sent for the present moment")
        if not dry_run:
            self.stdout.write(f"{reminding.remind(timezone.now(), found)} queued")
            return
        counted: Counter[str] = Counter()
        for decision in reminding.plan(_day(on), found):
            counted["not" if decision.reason else "would"] += 1
            self.stdout.write(_line(decision))
        self.stdout.write(f"{counted['would']} would be reminded, {counted['not']} would not")

    def _operator(self, code: str | None) -> Operator | None:
        if code is None:
            return None
        found = Operator.objects.filter(code=code).first()
        if found is None:
            raise CommandError(f"there is no operator {code}")
        return found


def _day(text: str | None) -> date:
    if text is None:
        return timezone.now().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no date: write it as 2026-12-24") from None


def _line(decision: Decision) -> str:
    """One customer by reference: no name, no number."""
    turn = decision.occurrence
    bills = ", ".join(str(bill) for bill in turn.bills)
    what = (
        f"{turn.at:%Y-%m-%d %H:%M} UTC  {turn.customer.operator.code}  customer {turn.customer}  rule {turn.rule.code}"
    )
    about = f"{turn.template} for {bills}, due {turn.due_on}"
    if decision.reason:
        return f"{what}: no {about}: {REASONS.get(decision.reason, decision.reason)}"
    fee = f", with a fee of {turn.rule.fee_amount} in {turn.currency} minor units" if turn.rule.fee_amount else ""
    waits = f", after the quiet hours at {decision.later_at:%H:%M} UTC" if decision.later_at else ""
    return f"{what}: {about} by {turn.rule.channel or turn.customer.operator.channel}{fee}{waits}"
