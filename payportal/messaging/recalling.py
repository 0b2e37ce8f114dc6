"""Receipts that got lost on the way, and costs that carriers tell late: asked for, where a carrier can be asked."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import Q, QuerySet

from billing.lib.time_limit import within
from payportal.messaging import carriers, channels, receipts
from payportal.messaging.channels.base import Channel, NotSent, Receipt, SendUnknown
from payportal.messaging.models import Handover

log = structlog.get_logger(__name__)

Outcome = Handover.Outcome

# What nobody has told of for so long is news no more.
REACH = timedelta(days=3)
# A receipt takes minutes; what is younger is on its way.
PATIENCE = timedelta(minutes=30)
LONGEST_SECONDS = 300.0
# Of a carrier that is asked for one message at a time, in one run: its limits are for sending as well.
MOST_QUESTIONS = 150
# No receipt may have come, or none that told the price.
IN_DOUBT = (Outcome.PENDING, Outcome.UNKNOWN, Outcome.ACCEPTED)


def recall(now: datetime) -> int:
    """Ask each carrier in use what became of what we still wait for; returns how much of that was news.

    A receipt that never comes is no failure and leads to no second sending: only what the carrier says is applied.
    """
    return sum(_recall(code, account, now) for code, account in sorted(carriers.in_use()))


def _recall(channel_code: str, account: str, now: datetime) -> int:
    channel = channels.REGISTRY.get(channel_code)
    if channel is None:
        return 0
    news = 0
    try:
        for page in within(LONGEST_SECONDS, _pages(channel, account, now)):
            news += receipts.take(channel_code, account, _wanted(channel_code, account, page, now), now)
    except (NotSent, SendUnknown, KeyError) as error:
        # Asked again in an hour; what is wrong with the account is seen by carriers.check.
        log.warning("carrier_not_asked", channel=channel_code, account=account, error=type(error).__name__)
    return news


def _pages(channel: Channel, account: str, now: datetime) -> Iterator[Sequence[Receipt]]:
    """What the carrier tells of messages that we wait for, and perhaps of others; nothing where it can't be asked."""
    waiting = _waiting(channel.code, account, now)
    if type(channel).recall is not Channel.recall:
        oldest = waiting.order_by("at").values_list("at", flat=True).first()
        yield from channel.recall(account, oldest) if oldest else ()
    elif type(channel).recall_one is not Channel.recall_one:
        # In no order: of some nothing more will ever be told, and they would stand before all others.
        known = waiting.exclude(channel_reference="").order_by("?").values_list("channel_reference", flat=True)
        for reference in known[:MOST_QUESTIONS]:
            receipt = channel.recall_one(account, reference)
            yield [receipt] if receipt else []


def _waiting(channel_code: str, account: str, now: datetime) -> QuerySet[Handover]:
    told = Q(outcome__in=IN_DOUBT) | Q(outcome__in=[Outcome.DELIVERED, Outcome.READ], cost_micros__isnull=True)
    of_late = Q(at__gt=now - REACH, at__lt=now - PATIENCE)
    return Handover.objects.filter(told, of_late, channel=channel_code, account=account)


def _wanted(channel_code: str, account: str, page: Sequence[Receipt], now: datetime) -> list[Receipt]:
    """The receipts of what we wait for; an account's other messages, thousands of them, cost one query a page."""
    references = [receipt.channel_reference for receipt in page]
    waiting = _waiting(channel_code, account, now).filter(channel_reference__in=references)
    ours = set(waiting.values_list("channel_reference", flat=True))
    return [receipt for receipt in page if receipt.channel_reference in ours]
