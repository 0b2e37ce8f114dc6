"""What is to be said, if it still is: asked and worded right before each sending."""

from datetime import datetime

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, InterfaceError, transaction

from billing import links
from payportal.messaging import claims, outcomes, permission, wording
from payportal.messaging.channels.base import Channel, Outgoing
from payportal.messaging.models import Message

log = structlog.get_logger(__name__)

Status = Message.Status


def prepared(message: Message, channel: Channel, now: datetime) -> Outgoing | None:
    """What is to be said, if it still is; None when the row says why not."""
    try:
        answer = permission.ask(message, now)
        if isinstance(answer, permission.Later):
            _wait(message, answer.at)
        elif isinstance(answer, permission.Never):
            _withhold(message, answer.reason, now)
        elif not getattr(message.customer, channel.reaches):
            _elsewhere_or_stop(message, f"the customer has no {channel.reaches}", now)
        else:
            return wording.outgoing(message, channel, now)
    except wording.CannotSay as error:
        claims.stop(message, str(error))
    except (DatabaseError, InterfaceError, SoftTimeLimitExceeded):
        # Not the message's fault: the lease runs out, and it is tried again.
        raise
    except Exception as error:
        # Its text may repeat what was to be said: only its kind is kept.
        log.error("message_unreadable", message=message.pk, error=type(error).__name__)
        claims.stop(message, f"template: {type(error).__name__}")
    return None


def _withhold(message: Message, reason: str, now: datetime) -> None:
    """It is not said after all. A number known not to be reached on this channel may be on the second one."""
    if reason == "unreachable":
        _elsewhere_or_stop(message, reason, now)
        return
    with transaction.atomic():
        if claims.release(message, status=Status.WITHHELD, error=reason[:200]) and message.link_id:
            links.note(message.link_id, "withheld", now, detail=reason[:80])
    log.info("message_withheld", message=message.pk, reason=reason)


def _wait(message: Message, at: datetime) -> None:
    """Not now. That doesn't count as an attempt; with ``attempts`` lowered nobody else holds this claim either."""
    claims.release(message, status=Status.QUEUED, next_attempt_at=at, attempts=message.attempts - 1)


def _elsewhere_or_stop(message: Message, error: str, now: datetime) -> None:
    """Nothing was handed over here, and nothing can be: the second channel, or the end."""
    with transaction.atomic():
        row = claims.ours(message).select_for_update(of=["self"]).select_related("operator__messaging_policy").first()
        moved = row is not None and outcomes.to_second_channel(row, error, now)
    if not moved:
        claims.stop(message, error)
