"""Claims: one worker at a message at a time, for the length of a lease, and what it may write while it holds one."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from payportal.messaging import outcomes
from payportal.messaging.models import Handover, Message

log = structlog.get_logger(__name__)

Status = Message.Status

# How long one worker may be at a message before another asks what became of it: longer than a channel that answers
# takes, and with a sweep (20 s) after it still within the minute in which a killed worker's work is done.
LEASE = timedelta(seconds=35)


def claim(message_id: int, now: datetime) -> Message | None:
    """Take a message for the length of a lease. ``attempts`` counts the claims: who is overtaken can't hand over.

    Durable: called inside a transaction this raises, so that nothing is ever sent from within one.
    """
    rows = Message.objects.filter(pk=message_id)
    with transaction.atomic(durable=True):
        if not _take(message_id, now):
            return None
        return rows.select_related(
            "operator__messaging_policy", "customer", "link__operator", "payment__operator"
        ).get()


def _take(message_id: int, now: datetime) -> bool:
    rows = Message.objects.filter(pk=message_id)
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
    taken: dict[str, Any] = {"claimed_until": now + LEASE, "attempts": F("attempts") + 1}
    queued = rows.filter(free, status=Status.QUEUED, next_attempt_at__lte=now)
    if queued.update(status=Status.SENDING, **taken):
        return True
    # Whoever held it is dead or late. Without a row of a hand-over it surely was not sent, with one it may have been.
    handed_over = Handover.objects.filter(message=OuterRef("pk")).exclude(outcome__in=outcomes.ENDED)
    abandoned = rows.filter(status=Status.SENDING, claimed_until__lte=now)
    if abandoned.exclude(Exists(handed_over)).update(status=Status.QUEUED, next_attempt_at=now):
        return bool(queued.update(status=Status.SENDING, **taken))
    abandoned.update(status=Status.UNKNOWN, next_attempt_at=now)
    return bool(rows.filter(free, status=Status.UNKNOWN, next_attempt_at__lte=now).update(**taken))


def ours(message: Message) -> QuerySet[Message]:
    """The row, as long as nobody has taken it from us. Attempts begin anew on a second channel: both must be ours."""
    return Message.objects.filter(
        pk=message.pk, status=message.status, attempts=message.attempts, channel=message.channel
    )


def release(message: Message, **values: Any) -> bool:
    """End our claim; False when it ran out and somebody else has taken the message over."""
    return bool(ours(message).update(claimed_until=None, **values))


def stop(message: Message, error: str) -> bool:
    """End it without a sending: a person looks."""
    release(message, status=Status.FAILED, error=error[:200])
    log.warning("message_stopped", message=message.pk, error=error[:200])
    return False
