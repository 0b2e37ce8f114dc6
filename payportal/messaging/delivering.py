"""Handing messages over: the row first, then the carrier, exactly as often as the carrier can be asked.

A worker claims a message, sees whether and how it is to be said, writes the row of this one hand-over and calls the
carrier outside any transaction; what came of it is written by payportal.messaging.outcomes. As long as a hand-over is
not known to have failed for good, the database admits no other.
"""

import time
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from billing import links, waking
from billing.lib import references
from payportal.messaging import carriers, channels, claims, outcomes, policies, preparing
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


def deliver(message_id: int, now: datetime) -> bool:
    """Send one message, or ask what became of it; True when it is now known to be sent.

    Does nothing when it is not due, already sent or in another worker's hands. Whatever goes wrong is written to the
    row; nothing is raised but what the database itself says.
    """
    began = time.monotonic()
    message = claims.claim(message_id, now)
    if message is None:
        return False
    try:
        channel = channels.get(message.channel)
    except KeyError:
        return claims.stop(message, f"no channel {message.channel}")
    if message.status == Status.UNKNOWN:
        return _ask(message, channel, now)
    outgoing = preparing.prepared(message, channel, now)
    if outgoing is None:
        return False
    handover = _begin(message, channel, outgoing, now + timedelta(seconds=time.monotonic() - began))
    return handover is not None and _send(handover, channel, outgoing, now)


def due(now: datetime, limit: int) -> list[int]:
    """Messages that somebody should look at now, longest waiting first, those of dead workers among them."""
    return list(_waiting(now).order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def newest_due(now: datetime, limit: int) -> list[int]:
    """As ``due``, but what has waited for the shortest time."""
    return list(_waiting(now).order_by("-next_attempt_at").values_list("pk", flat=True)[:limit])


def _waiting(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(
        Q(status__in=[Status.QUEUED, Status.UNKNOWN], next_attempt_at__lte=now)
        & (Q(claimed_until__isnull=True) | Q(claimed_until__lte=now))
        | Q(status=Status.SENDING, claimed_until__lte=now)
    )


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
            if not claims.ours(message).update(claimed_until=now + claims.LEASE):
                return None
            handover.save(force_insert=True)
            outcomes.note_way(message, channel.code)
    except IntegrityError:
        # Another hand-over may still arrive: that one is asked about first.
        log.error("handover_not_first", message=message.pk)
        claims.ours(message).update(status=Status.UNKNOWN, next_attempt_at=now, claimed_until=None)
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
        _alarm(handover, error, now)
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
        claims.release(message, status=Status.QUEUED, next_attempt_at=now)
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
        _alarm(handover, error, now)
        return outcomes.unclear(handover, str(error) if isinstance(error, SendUnknown) else type(error).__name__, now)
    if channel_reference is None:
        return outcomes.never_arrived(handover, now)
    return outcomes.accepted(handover, channel_reference, now)


def _alarm(handover: Handover, error: Exception, now: datetime) -> None:
    """What every message of this account would meet is seen by a person."""
    if isinstance(error, (BadKeys, NoCredit)):
        carriers.raise_alarm(handover.channel, handover.account, error, now)


def _callback(handover: Handover) -> str:
    path = reverse("messages-webhook", args=[handover.channel, handover.account])
    return links.origin(handover.message.operator) + path
