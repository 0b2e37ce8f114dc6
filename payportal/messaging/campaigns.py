"""Campaigns: a link for each of many customers, and the message that brings it, once each whatever happens meanwhile.

Customers are taken in batches by key, each batch in a transaction of its own: memory doesn't grow with their number,
and what was committed stays. A message's reference names campaign, customer and currency, so a second run, one after
a crash or one beside it sends nobody anything twice; links and messages are made together or not at all.
Opt-outs, consent, quiet hours and the cap are looked at when a message is sent (payportal.messaging.permission).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction

from billing import links
from billing.invoices import local_date
from billing.models import Customer, Invoice, Operator
from billing.models.invoice import InvoiceQuerySet
from payportal.messaging import channels, messages
from payportal.messaging.models import Message
from payportal.messaging.reminding import LINK_LIFETIME

ACTOR = "system:campaign"
TEMPLATE = "link"
BATCH = 1000
# A message's reference has 80 characters: the name, a key of up to 19 digits and a currency fit in.
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Campaign:
    """Whom to write to: an operator's customers who owe something, or something that was due so many days ago."""

    name: str
    operator: Operator
    overdue_days: int | None = None

    def reference(self, customer_id: int, currency: str) -> str:
        """Names the occasion, so that it comes once."""
        return f"campaign:{self.name}:{customer_id}:{currency}"

    def owed(self, now: datetime) -> InvoiceQuerySet:
        """The bills that it is about."""
        owed = Invoice.objects.owed()
        if self.overdue_days is None:
            return owed
        today = local_date(self.operator.time_zone, now)
        return owed.filter(due_on__lte=today - timedelta(days=self.overdue_days))


@dataclass(slots=True)
class Tally:
    """What became of the ``customers`` so far; ``queued`` and ``told_before`` count messages, one for each currency."""

    customers: int = 0
    queued: int = 0
    told_before: int = 0
    no_address: int = 0
    nothing_owed: int = 0
    unknown: int = 0


def run(campaign: Campaign, now: datetime, references: Iterable[str] | None = None) -> Iterator[Tally]:
    """Queue the messages, batch by batch; after each the same tally, brought up to date.

    ``references`` are the operator's own keys of customers; without them all are meant.
    """
    tally = Tally()
    for keys in _batches(campaign, references, tally):
        with transaction.atomic():
            owed = _owed(campaign, keys, now, tally)
            # One at a time for each customer, in one order: a run beside this one waits here, and then sees what was
            # written.
            customers = Customer.objects.filter(pk__in=owed.keys()).order_by("pk").select_for_update(no_key=True)
            _queue(campaign, _chosen(campaign, list(customers), owed, tally), now)
        yield tally


def plan(campaign: Campaign, now: datetime, references: Iterable[str] | None = None) -> Iterator[Tally]:
    """What ``run`` would do now; nothing is written."""
    tally = Tally()
    for keys in _batches(campaign, references, tally):
        owed = _owed(campaign, keys, now, tally)
        _chosen(campaign, list(Customer.objects.filter(pk__in=owed.keys())), owed, tally)
        yield tally


def size(campaign: Campaign) -> int:
    """How many customers are gone through without a list."""
    return Customer.objects.filter(operator=campaign.operator).count()


def _batches(campaign: Campaign, references: Iterable[str] | None, tally: Tally) -> Iterator[Sequence[int]]:
    """Keys of customers, a batch at a time.

    Whether they owe anything is asked of each batch: asked of all at once, that takes a second or an hour, depending on
    PostgreSQL's statistics, and after a large import those are old.
    """
    everybody = Customer.objects.filter(operator=campaign.operator)
    if references is not None:
        rest = iter(references)
        while wanted := set(islice(rest, BATCH)):
            keys = list(everybody.filter(reference__in=wanted).values_list("pk", flat=True))
            tally.unknown += len(wanted) - len(keys)
            yield keys
        return
    last = 0
    while keys := list(everybody.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield keys
        last = keys[-1]


def _owed(campaign: Campaign, keys: Sequence[int], now: datetime, tally: Tally) -> dict[int, list[str]]:
    """Who of a batch owes something of it, and in which currencies."""
    bills = campaign.owed(now).filter(account__customer__in=keys)
    owed: dict[int, list[str]] = {}
    for key, currency in sorted(set(bills.values_list("account__customer_id", "currency"))):
        owed.setdefault(key, []).append(currency)
    tally.customers += len(keys)
    tally.nothing_owed += len(keys) - len(owed)
    return owed


def _chosen(
    campaign: Campaign, customers: Sequence[Customer], owed: Mapping[int, Sequence[str]], tally: Tally
) -> list[tuple[Customer, str]]:
    """Who gets a message, and in which currency they owe; the others are counted."""
    pairs = [(customer, currency) for customer in customers for currency in owed[customer.pk]]
    references = [campaign.reference(customer.pk, currency) for customer, currency in pairs]
    told = set(Message.objects.filter(reference__in=references).values_list("reference", flat=True))
    reaches = channels.get(campaign.operator.channel).reaches
    chosen = []
    for (customer, currency), reference in zip(pairs, references, strict=True):
        if reference in told:
            tally.told_before += 1
        elif not getattr(customer, reaches):
            tally.no_address += 1
        else:
            customer.operator = campaign.operator
            chosen.append((customer, currency))
    tally.queued += len(chosen)
    return chosen


def _queue(campaign: Campaign, chosen: Sequence[tuple[Customer, str]], now: datetime) -> None:
    """Links and messages of one batch, in the caller's transaction."""
    made = links.create_many(chosen, actor=ACTOR, now=now, lifetime=LINK_LIFETIME)
    rows = []
    for link in made:
        message = messages.new(
            operator=link.operator,
            customer=link.customer,
            template=TEMPLATE,
            reference=campaign.reference(link.customer.pk, link.currency),
            # Nobody waits for it: it respects the night, and counts for the cap.
            context={"may_wait": True},
            now=now,
        )
        message.link = link
        rows.append(message)
    messages.queue_many(rows)
