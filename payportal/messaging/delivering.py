"""Handing messages over: the row first, then the carrier, exactly as often as the carrier can be asked.

A worker claims a message, sees whether and how it is to be said, writes the row of this one hand-over and calls the
carrier outside any transaction; what came of it is written by payportal.messaging.outcomes. As long as a hand-over is
not known to have failed for good, the database admits no other.
"""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from billing import links, waking
from billing.lib import references
from payportal.messaging import carriers, channels, outcomes, permission, policies, wording
from payportal.messaging.channels.base import (
    BadKeys,
    CannotTell,
    Channel,
    NoCredit,
    NotSent,
    Outgoing,
    Question,
    Refused,
    SendUnknown,
)
from payportal.messaging.models import Handover, Message
from payportal.messaging.outcomes import DELIVER

log = structlog.get_logger(__name__)

Status = Message.Status

# How long one worker may be at a message before another asks what became of it: longer than a channel that answers
# takes, and with a sweep (20 s) after it still within the minute in which a killed worker's work is done.
LEASE = timedelta(seconds=35)


def deliver(message_id: int, now: datetime) -> bool:
    """Send one message, or ask what became of it; True when it is now known to be sent.

    Does nothing when it is not due, already sent or in another worker's hands. Whatever goes wrong is written to the
    row; nothing is raised but what the database itself says.
    """
    began = time.monotonic()
    message = _claim(message_id, now)
    if message is None:
        return False
    try:
        channel = channels.get(message.channel)
    except KeyError:
        return _stop(message, f"no channel {message.channel}")
    if message.status == Status.UNKNOWN:
        return _ask(message, channel, now)
    outgoing = _prepared(message, channel, now)
    if outgoing is None:
        return False
    handover = _begin(message, channel, outgoing, now + timedelta(seconds=time.monotonic() - began))
    return handover is not None and _send(handover, channel, outgoing, now)


def due(now: datetime, limit: int) -> list[int]:
    """Messages that somebody should look at now, longest waiting first, those of dead workers among them."""
    waiting = Message.objects.filter(
        Q(status__in=[Status.QUEUED, Status.UNKNOWN], next_attempt_at__lte=now)
        & (Q(claimed_until__isnull=True) | Q(claimed_until__lte=now))
        | Q(status=Status.SENDING, claimed_until__lte=now)
    )
    return list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def _claim(message_id: int, now: datetime) -> Message | None:
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
    claim: dict[str, Any] = {"claimed_until": now + LEASE, "attempts": F("attempts") + 1}
    queued = rows.filter(free, status=Status.QUEUED, next_attempt_at__lte=now)
    if queued.update(status=Status.SENDING, **claim):
        return True
    # Whoever held it is dead or late. Without a row of a hand-over it surely was not sent, with one it may have been.
    handed_over = Handover.objects.filter(message=OuterRef("pk")).exclude(outcome__in=outcomes.ENDED)
    abandoned = rows.filter(status=Status.SENDING, claimed_until__lte=now)
    if abandoned.exclude(Exists(handed_over)).update(status=Status.QUEUED, next_attempt_at=now):
        return bool(queued.update(status=Status.SENDING, **claim))
    abandoned.update(status=Status.UNKNOWN, next_attempt_at=now)
    return bool(rows.filter(free, status=Status.UNKNOWN, next_attempt_at__lte=now).update(**claim))


def _prepared(message: Message, channel: Channel, now: datetime) -> Outgoing | None:
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
        _stop(message, str(error))
    except (DatabaseError, InterfaceError, SoftTimeLimitExceeded):
        # Not the message's fault: the lease runs out, and it is tried again.
        raise
    except Exception as error:
        # Its text may repeat what was to be said: only its kind is kept.
        log.error("message_unreadable", message=message.pk, error=type(error).__name__)
        _stop(message, f"template: {type(error).__name__}")
    return None


def _begin(message: Message, channel: Channel, outgoing: Outgoing, now: datetime) -> Handover | None:
    """The row of one hand-over, committed before the call; None when another worker has taken the message over.

    The lease begins anew, so that all of it is there for the call.
    """
    handover = Handover(
        message=message,
        reference=references.new_reference(),
        channel=channel.code,
        account=policies.of(message.operator).account,
        last_digits=outgoing.to[-2:] if channel.reaches == "phone" else "",
        at=now,
        changed_at=now,
    )
    try:
        with transaction.atomic(durable=True):
            if not _ours(message).update(claimed_until=now + LEASE):
                return None
            handover.save(force_insert=True)
    except IntegrityError:
        # Another hand-over may still arrive: that one is asked about first.
        log.error("handover_not_first", message=message.pk)
        _ours(message).update(status=Status.UNKNOWN, next_attempt_at=now, claimed_until=None)
        return None
    return handover


def _send(handover: Handover, channel: Channel, outgoing: Outgoing, now: datetime) -> bool:
    ready = replace(
        outgoing,
        handover=handover.reference,
        account=handover.account,
        callback=_callback(handover),
        code=handover.message.code,
    )
    try:
        channel_reference = channel.send(ready)
    except NotSent as error:
        if isinstance(error, (BadKeys, NoCredit)):
            carriers.raise_alarm(handover.channel, handover.account, error, now)
        return outcomes.not_sent(handover, error, now)
    except Refused as error:
        return outcomes.refused(handover, error, now)
    except SendUnknown as error:
        return outcomes.unclear(handover, str(error), now)
    except Exception as error:
        # An adapter must not do this. The error's own words may name the person, so only its kind is kept.
        return outcomes.unclear(handover, type(error).__name__, now)
    return outcomes.accepted(handover, channel_reference, now)


def _ask(message: Message, channel: Channel, now: datetime) -> bool:
    """Find out what became of a message before it may be sent again."""
    handover = message.handovers.exclude(outcome__in=outcomes.ENDED).first()
    to = getattr(message.customer, channel.reaches)
    if handover is None:
        # Nothing of it may still arrive.
        _release(message, status=Status.QUEUED, next_attempt_at=now)
        waking.wake(DELIVER, message.pk)
        return False
    try:
        if not to.endswith(handover.last_digits):
            # The customer has another number by now: a search for that one would find nothing, and prove nothing.
            raise CannotTell
        channel_reference = channel.look_up(
            Question(
                reference=message.reference,
                handover=handover.reference,
                account=handover.account,
                to=to,
                code=message.code,
                sent_at=handover.at,
            )
        )
    except CannotTell:
        return outcomes.nobody_knows(handover, now)
    except Exception as error:
        return outcomes.unclear(handover, str(error) if isinstance(error, SendUnknown) else type(error).__name__, now)
    if channel_reference is None:
        return outcomes.never_arrived(handover, now)
    return outcomes.accepted(handover, channel_reference, now)


def _callback(handover: Handover) -> str:
    path = reverse("messages-webhook", args=[handover.channel, handover.account])
    return links.origin(handover.message.operator) + path


def _withhold(message: Message, reason: str, now: datetime) -> None:
    """It is not said after all. A number known not to be reached on this channel may be on the second one."""
    if reason == "unreachable":
        _elsewhere_or_stop(message, reason, now)
        return
    with transaction.atomic():
        if _release(message, status=Status.WITHHELD, error=reason[:200]) and message.link_id:
            links.note(message.link_id, "withheld", now, detail=reason[:80])
    log.info("message_withheld", message=message.pk, reason=reason)


def _wait(message: Message, at: datetime) -> None:
    """Not now. That doesn't count as an attempt; with ``attempts`` lowered nobody else holds this claim either."""
    _release(message, status=Status.QUEUED, next_attempt_at=at, attempts=message.attempts - 1)


def _elsewhere_or_stop(message: Message, error: str, now: datetime) -> None:
    """Nothing was handed over here, and nothing can be: the second channel, or the end."""
    with transaction.atomic():
        row = _ours(message).select_for_update(of=["self"]).select_related("operator__messaging_policy").first()
        moved = row is not None and outcomes.to_second_channel(row, error, now)
    if not moved:
        _stop(message, error)


def _stop(message: Message, error: str) -> bool:
    _release(message, status=Status.FAILED, error=error[:200])
    log.warning("message_stopped", message=message.pk, error=error[:200])
    return False


def _release(message: Message, **values: Any) -> bool:
    """End our claim; False when it ran out and somebody else has taken the message over."""
    return bool(_ours(message).update(claimed_until=None, **values))


def _ours(message: Message) -> Any:
    """The row, as long as nobody has taken it from us. Attempts begin anew on a second channel: both must be ours."""
    return Message.objects.filter(
        pk=message.pk, status=message.status, attempts=message.attempts, channel=message.channel
    )
