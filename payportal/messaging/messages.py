"""Telling a customer something: a row first, then the send, exactly as often as the channel can be asked.

A row is written in the transaction of what it tells (``queue``); a worker, woken on commit or by the sweep, claims it,
makes text and addresses at that moment, and sends outside any transaction (``deliver``).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q

from billing import links, waking
from billing.lib.inserting import insert_new
from billing.models import Customer, Operator, Payment, PaymentLink
from payportal.messaging import channels, wording
from payportal.messaging.channels.base import CannotTell, Channel, NotSent, Question, Refused, SendUnknown
from payportal.messaging.models import Message

log = structlog.get_logger(__name__)

Status = Message.Status

# The task that calls deliver(); by name, since a web process has imported no tasks.
DELIVER = "messaging.deliver"
# So many messages that were written together go to one worker: a hint costs as much as writing the row, and a channel
# that takes its time must not keep the last of them waiting while other workers are idle.
A_HINT = 4

# How long one worker may be at a message before another asks what became of it: longer than a channel that answers
# takes, and with a sweep (20 s) after it still within the minute in which a killed worker's work is done.
LEASE = timedelta(seconds=35)
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
# With doubling pauses this is about seven hours: after that, news of a payment is no news.
ATTEMPT_LIMIT = 14
# What a sent message is called on the timeline of the link it belongs to.
TIMELINE_KINDS = {"link": "sent", "receipt": "receipt_sent"}


def queue(
    *,
    operator: Operator,
    customer: Customer,
    template: str,
    reference: str,
    context: dict[str, Any],
    now: datetime,
    link: PaymentLink | None = None,
    payment: Payment | None = None,
) -> bool:
    """Write down that a customer is to be told, once for each ``reference``; False when that was written before.

    ``context`` holds facts (amounts, dates, names by language), never an address. Wakes a worker on commit.
    """
    message = new(
        operator=operator, customer=customer, template=template, reference=reference, context=context, now=now
    )
    message.link, message.payment = link, payment
    return bool(queue_all([message]))


def new(
    *, operator: Operator, customer: Customer, template: str, reference: str, context: dict[str, Any], now: datetime
) -> Message:
    """A message that is written nowhere yet; see ``queue``."""
    return Message(
        operator=operator,
        customer=customer,
        reference=reference,
        template=template,
        context=context,
        language=_language(operator, customer),
        channel=operator.channel,
        created_at=now,
        next_attempt_at=now,
    )


def queue_all(messages: Sequence[Message]) -> int:
    """Write new messages down, each once for its ``reference``; how many had not been. Wakes workers on commit."""
    # In one order everywhere: of two transactions that write the same, one waits for the other.
    written = insert_new(sorted(messages, key=lambda message: message.reference), unique=("reference",))
    for start in range(0, len(written), A_HINT):
        waking.on_commit(DELIVER, *written[start : start + A_HINT])
    return len(written)


def deliver(message_id: int, now: datetime) -> bool:
    """Send one message, or ask what became of it; True when it is now known to be sent.

    Does nothing when it is not due, already sent or in another worker's hands. Whatever goes wrong is written to the
    row; nothing is raised but what the database itself says.
    """
    message = _claim(message_id, now)
    if message is None:
        return False
    try:
        channel = channels.get(message.channel)
    except KeyError:
        return _stop(message, f"no channel {message.channel}")
    if message.status == Status.UNKNOWN:
        return _ask(message, channel, now)
    return _send(message, channel, now)


def due(now: datetime, limit: int) -> list[int]:
    """Messages that somebody should look at now, longest waiting first, those of dead workers among them."""
    waiting = Message.objects.filter(
        Q(status__in=[Status.QUEUED, Status.UNKNOWN], next_attempt_at__lte=now)
        & (Q(claimed_until__isnull=True) | Q(claimed_until__lte=now))
        | Q(status=Status.SENDING, claimed_until__lte=now)
    )
    return list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def _claim(message_id: int, now: datetime) -> Message | None:
    """Take a message for the length of a lease. ``attempts`` counts the claims: who is overtaken can't finish.

    Durable: called inside a transaction this raises, so that nothing is ever sent from within one.
    """
    rows = Message.objects.filter(pk=message_id)
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
    claim: dict[str, Any] = {"claimed_until": now + LEASE, "attempts": F("attempts") + 1}
    with transaction.atomic(durable=True):
        # Whoever held it is dead or late: it may have been sent.
        rows.filter(status=Status.SENDING, claimed_until__lte=now).update(status=Status.UNKNOWN, next_attempt_at=now)
        is_ours = rows.filter(free, status=Status.QUEUED, next_attempt_at__lte=now).update(
            status=Status.SENDING, **claim
        ) or rows.filter(free, status=Status.UNKNOWN, next_attempt_at__lte=now).update(**claim)
        if not is_ours:
            return None
        return rows.select_related("operator", "customer", "link__operator", "payment__operator").get()


def _send(message: Message, channel: Channel, now: datetime) -> bool:
    try:
        outgoing = wording.outgoing(message, channel, now)
    except wording.CannotSay as error:
        return _stop(message, str(error))
    except Exception as error:
        # Its text may repeat what was to be said: only its kind is kept.
        log.error("message_unreadable", message=message.pk, error=type(error).__name__)
        return _stop(message, f"template: {type(error).__name__}")
    try:
        channel_reference = channel.send(outgoing)
    except NotSent as error:
        return _later(message, Status.QUEUED, str(error), now)
    except Refused as error:
        return _stop(message, str(error))
    except SendUnknown as error:
        return _later(message, Status.UNKNOWN, str(error), now)
    except Exception as error:
        # An adapter must not do this. The error's own words may name the person, so only its kind is kept.
        return _later(message, Status.UNKNOWN, type(error).__name__, now)
    return _sent(message, channel_reference, now)


def _ask(message: Message, channel: Channel, now: datetime) -> bool:
    """Find out what became of a message before it may be sent again."""
    try:
        channel_reference = channel.look_up(
            Question(
                reference=message.reference,
                handover="",
                account="default",
                to=getattr(message.customer, channel.reaches),
                code=message.code,
                sent_at=message.next_attempt_at,
            )
        )
    except CannotTell:
        return _stop(message, "it may have arrived; the channel can't tell")
    except Exception as error:
        return _later(message, Status.UNKNOWN, type(error).__name__, now)
    if channel_reference is None:
        _change(message, status=Status.QUEUED, next_attempt_at=now, claimed_until=None)
        waking.on_commit(DELIVER, message.pk)
        return False
    return _sent(message, channel_reference, now)


def _sent(message: Message, channel_reference: str, now: datetime) -> bool:
    with transaction.atomic():
        is_news = _change(
            message,
            status=Status.SENT,
            sent_at=now,
            claimed_until=None,
            channel_reference=channel_reference[:120],
            error="",
        )
        if is_news and message.link_id and message.template in TIMELINE_KINDS:
            links.note(message.link_id, TIMELINE_KINDS[message.template], now, message.payment_id)
    return is_news


def _later(message: Message, status: Status, error: str, now: datetime) -> bool:
    """Try again after a pause that doubles; after the last attempt it stops and is seen by a person."""
    if message.attempts >= ATTEMPT_LIMIT:
        return _stop(message, error)
    pause = min(FIRST_PAUSE * 2 ** (message.attempts - 1), LONGEST_PAUSE)
    _change(message, status=status, next_attempt_at=now + pause, claimed_until=None, error=error[:200])
    log.info("message_put_off", message=message.pk, status=str(status), error=error[:200])
    return False


def _stop(message: Message, error: str) -> bool:
    _change(message, status=Status.FAILED, claimed_until=None, error=error[:200])
    log.warning("message_stopped", message=message.pk, error=error[:200])
    return False


def _change(message: Message, **values: Any) -> bool:
    """Write what came of our claim; False when it ran out and somebody else has taken the message over.

    That it was sent is kept from an outdated claim too: it is a fact, and the next one would only ask for it.
    """
    ours = Message.objects.filter(pk=message.pk, status__in=Message.ALLOWED_FROM[values["status"]])
    if values["status"] != Status.SENT:
        ours = ours.filter(attempts=message.attempts)
    return bool(ours.update(**values))


def _language(operator: Operator, customer: Customer) -> str:
    """The customer's own if the operator speaks it, else the operator's first."""
    if customer.language in operator.languages or not operator.languages:
        return customer.language
    return str(operator.languages[0])
