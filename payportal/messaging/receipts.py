"""What carriers tell afterwards: receipts, ordered by state rather than arrival, and what customers wrote back."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import DataError

from payportal.messaging import channels, contacts, outcomes
from payportal.messaging.channels.base import Channel, News, Receipt, Said
from payportal.messaging.models import Handover

log = structlog.get_logger(__name__)


def take(channel_code: str, account: str, news: Sequence[News], now: datetime) -> int:
    """Apply what a carrier posted, whose signature was found right; returns how much of it was news.

    Each piece is its own transaction and may come again: what was applied before is no news.
    """
    channel = channels.get(channel_code)
    return sum(_readable(channel, account, each, now) for each in news)


def _readable(channel: Channel, account: str, news: News, now: datetime) -> bool:
    """One piece; one that no column can hold would come again for ever and keep back what comes with it."""
    try:
        return _take(channel, account, news, now)
    except (DataError, ValueError) as error:
        log.warning("news_unreadable", channel=channel.code, account=account, error=type(error).__name__)
        return False


def _take(channel: Channel, account: str, news: News, now: datetime) -> bool:
    if isinstance(news, Receipt):
        handover = _handover(channel, account, news)
        if handover is None:
            # Of another system that shares the account, or from before our time.
            log.info("receipt_of_nothing", channel=channel.code, account=account, state=news.state)
            return False
        return outcomes.reported(handover, news, now)
    return _heard(channel, account, news, now)


def _handover(channel: Channel, account: str, receipt: Receipt) -> Handover | None:
    """By our own reference first: it is there before the carrier is called, theirs only after it has answered.

    Ours is random and belongs to one account, though a carrier may post what concerns several to one address.
    """
    rows = Handover.objects.filter(channel=channel.code)
    found = rows.filter(reference=receipt.handover).first() if receipt.handover else None
    if found is None and receipt.channel_reference:
        found = rows.filter(account=account, channel_reference=receipt.channel_reference).first()
    return found


def _heard(channel: Channel, account: str, said: Said, now: datetime) -> bool:
    if said.wish == "stop":
        return contacts.stop(channel, account, said.sender, now)
    if said.wish == "start":
        return contacts.start(channel, account, said.sender)
    return False
