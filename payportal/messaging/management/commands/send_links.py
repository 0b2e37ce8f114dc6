import re
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.models import Operator
from payportal.messaging import campaigns, channels, draining
from payportal.messaging.campaigns import Campaign

NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{campaigns.LONGEST_NAME - 1}}}")
# Where nobody watches, in a log, a line now and then is enough.
LINE_SECONDS = 10.0
WIDTH = 30
WORDS = {
    "told_before": "told before by this campaign",
    "no_address": "without a number or mailbox",
    "nothing_owed": "owe nothing of it",
    "unknown": "unknown",
}


class Command(BaseCommand):
    """Makes payment links for many customers and queues their messages; may be run again after whatever went wrong."""

    help = "Send payment links to all customers who owe something, or to those of a list; each once a campaign."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", metavar="NAME", help="of the campaign: it writes to nobody twice; default: today")
        parser.add_argument("--operator", metavar="CODE", help="this operator's customers alone")
        parser.add_argument("--overdue-days", type=int, metavar="N", help="only who owes what was due N days ago")
        parser.add_argument(
            "--customers", type=Path, metavar="FILE", help="the operator's keys of customers, one a line"
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and write nothing")

    def handle(
        self,
        *,
        name: str | None,
        operator: str | None,
        overdue_days: int | None,
        customers: Path | None,
        dry_run: bool,
        **options: Any,
    ) -> None:
        now = timezone.now()
        name = name or now.date().isoformat()
        if not NAME.fullmatch(name):
            raise CommandError(f"a name has small letters, digits and -, {campaigns.LONGEST_NAME} at most")
        if overdue_days is not None and overdue_days < 1:
            raise CommandError("--overdue-days: a bill is overdue from the first day after it was due")
        operators = _operators(operator)
        if customers and not customers.is_file():
            # It is read twice: no pipe.
            raise CommandError(f"there is no file {customers}")
        if customers and len(operators) > 1:
            raise CommandError("whose customers are in the list? Say so with --operator CODE")
        total: Counter[str] = Counter()
        for each in operators:
            total += self._one(Campaign(name, each, overdue_days), now, customers, dry_run=dry_run)
        if total["queued"] and not dry_run:
            draining.begin(timezone.now())
        self._say(name, total, "would be queued" if dry_run else "queued")

    def _one(self, campaign: Campaign, now: datetime, path: Path | None, *, dry_run: bool) -> Counter[str]:
        size = sum(1 for _line in _lines(path)) if path else campaigns.size(campaign)
        show = Progress(f"{campaign.name}, {campaign.operator.code}", size)
        go_through = campaigns.plan if dry_run else campaigns.run
        tally = campaigns.Tally()
        for tally in go_through(campaign, now, _lines(path) if path else None):
            show.at(tally.customers + tally.unknown, tally.queued)
        show.end()
        return Counter(asdict(tally))

    def _say(self, name: str, total: Counter[str], what: str) -> None:
        said = [f"campaign {name}: {total['queued']} {what}"]
        said += [f"{total[key]} {words}" for key, words in WORDS.items() if total[key]]
        self.stdout.write(", ".join(said))


class Progress:
    """A bar on standard error that is drawn again and again; where that is no terminal, a line every ten seconds."""

    def __init__(self, title: str, size: int) -> None:
        self.title, self.size = title, size
        self.is_terminal = sys.stderr.isatty()
        self.begun = self.said = time.monotonic()

    def at(self, done: int, queued: int) -> None:
        elapsed = time.monotonic() - self.begun
        share = min(1.0, done / self.size) if self.size else 1.0
        rate = f"{queued} queued, {queued / elapsed:.0f} a second" if elapsed else f"{queued} queued"
        if self.is_terminal:
            bar = ("#" * round(share * WIDTH)).ljust(WIDTH, ".")
            sys.stderr.write(f"\r{self.title} [{bar}] {share:4.0%}  {rate} ")
        elif time.monotonic() - self.said >= LINE_SECONDS:
            self.said = time.monotonic()
            sys.stderr.write(f"{self.title}: {share:.0%}, {done} of {self.size} customers, {rate}\n")
        sys.stderr.flush()

    def end(self) -> None:
        if self.is_terminal:
            sys.stderr.write("\n")


def _operators(code: str | None) -> list[Operator]:
    """Those in business, or the one that was asked for; each with a channel that is there."""
    found = list(Operator.objects.filter(is_active=True, **({"code": code} if code else {})).order_by("pk"))
    if code and not found:
        raise CommandError(f"there is no operator {code} in business")
    for operator in found:
        if operator.channel not in channels.REGISTRY:
            raise CommandError(f"operator {operator.code} has no channel {operator.channel}")
    return found


def _lines(path: Path) -> Iterator[str]:
    """What is written in a list, a line at a time; empty lines mean nothing."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from filter(None, map(str.strip, file))
    except (OSError, UnicodeError) as error:
        raise CommandError(f"{path} can't be read: {error}") from None
