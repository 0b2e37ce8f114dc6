"""What became of one hand-over, written to its row, its message and the link's timeline in one transaction.

Every change is made under the lock of the message's row, so that our own answer, a carrier's receipt and the worker
that took over come one after the other, in any order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction

from billing import alarms, links, waking
from billing.lib import transactions
from billing.models import PaymentLink
from payportal.messaging import channels, contacts, occasions, policies
from payportal.messaging.channels.base import NotSent, Receipt, Refused
from payportal.messaging.models import Handover, Message, MessagingPolicy

log = structlog.get_logger(__name__)

Status = Message.Status
Outcome = Handover.Outcome

# The task that calls deliver(); by name, since a web process has imported no tasks.
DELIVER = "messaging.deliver"

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
# Or as long as a carrier asks for, whose daily limit may be reached.
LONGEST_ASKED_FOR = timedelta(days=1)
# What surely did not leave is tried for so long from when it was written: an account that ran empty in the evening, or
# for a day, costs no message. What is no news any more before that is withheld (payportal.messaging.permission).
TRIED_FOR = timedelta(days=2)
# What may have left: with doubling pauses it is asked about for more than five hours.
ATTEMPT_LIMIT = 14
# How long a receipt may take to tell what the carrier can't be asked, before the message is sent once more.
PATIENCE = timedelta(minutes=2)
# After a time-out: a carrier that says it has no such message may be just taking it, for so long. As long as a worker's
# lease, after which others ask: with the sweep that follows it all is done within a minute.
SETTLES = timedelta(seconds=35)
# Asked, the carrier says that it has no such message.
NEVER_ARRIVED = "never arrived at the carrier"
# What a sent message is called on the timeline of the link it belongs to; its detail is the channel.
TIMELINE_KINDS = {
    "link": "sent",
    "fresh_link": "sent",
    "offer": "sent",
    "receipt": "receipt_sent",
    "reminder": "reminder_sent",
    "late_fee": "reminder_sent",
}

# Nobody has told yet what became of it.
OPEN = (Outcome.PENDING, Outcome.UNKNOWN)
# Another hand-over of the same message may be made.
ENDED = (*Handover.FAILED, Outcome.GIVEN_UP)
# Receipts only ever lead up. Arriving beats the carrier's giving up, which beats its taking the message.
RANK = {
    Outcome.ACCEPTED: 1,
    Outcome.REFUSED: 2,
    Outcome.UNDELIVERED: 2,
    Outcome.DELIVERED: 3,
    Outcome.READ: 4,
}
STATUS = {Outcome.ACCEPTED: Status.SENT, Outcome.DELIVERED: Status.DELIVERED, Outcome.READ: Status.READ}


def accepted(handover: Handover, channel_reference: str, now: datetime) -> bool:
    """The carrier has it; True when it is known to be under way or there."""
    reported(handover, Receipt("accepted", channel_reference=channel_reference), now)
    return Handover.objects.filter(pk=handover.pk, outcome__in=STATUS).exists()


def reported(handover: Handover, receipt: Receipt, now: datetime) -> bool:
    """What the carrier says of it, in any order and any number of times; False when that is no news."""
    try:
        return _report(handover, receipt, now)
    except IntegrityError:
        # A carrier that gives one reference twice; what became of the message is the greater fact.
        log.warning("channel_reference_repeated", handover=handover.reference, channel=handover.channel)
        return _report(handover, replace(receipt, channel_reference=""), now)


@transactions.whole
def _report(handover: Handover, receipt: Receipt, now: datetime) -> bool:
    with _locked(handover) as (message, row):
        _keep_details(row, receipt)
        outcome = Outcome(receipt.state)
        if RANK.get(Outcome(row.outcome), 0) >= RANK[outcome]:
            row.save()
            return False
        if outcome == Outcome.UNDELIVERED:
            _fail_for_good(message, row, outcome, Refused(receipt.error, receipt.mark), now)
            return True
        return _arrive(message, row, outcome, now)


@transactions.whole
def not_sent(handover: Handover, error: NotSent, now: datetime) -> bool:
    """It surely didn't leave: tried again after a pause that doubles, or as long as the carrier asked for, for days."""
    with _locked(handover) as (message, row):
        if row.outcome in OPEN:
            _end(row, Outcome.NOT_SENT, str(error), now)
            _take_way_back(message)
            if now >= _tried_since(message) + TRIED_FOR:
                _stop(message, str(error))
            else:
                _again(message, Status.QUEUED, str(error), now + pause(message.attempts, error.retry_after))
    return False


@transactions.whole
def refused(handover: Handover, error: Refused, now: datetime) -> bool:
    """It surely didn't leave and never will: kept of the number, and tried on the second channel if there is one."""
    with _locked(handover) as (message, row):
        if row.outcome in OPEN:
            _fail_for_good(message, row, Outcome.REFUSED, error, now)
    return False


@transactions.whole
def unclear(handover: Handover, error: str, now: datetime) -> bool:
    """It may have left or not. Asked about before anything else; after the last attempt it is left for a person."""
    with _locked(handover) as (message, row):
        if row.outcome in OPEN:
            _end(row, Outcome.UNKNOWN, error, now)
            attempts = message.attempts - _surely_not_sent(message)
            if attempts >= ATTEMPT_LIMIT:
                _stop(message, f"it may have arrived; nobody answers: {error}")
            else:
                _again(message, Status.UNKNOWN, error, now + pause(attempts))
    return False


@transactions.whole
def never_arrived(handover: Handover, now: datetime) -> bool:
    """Asked, the carrier says that it has no such message: it is sent again at once.

    After a time-out that is asked again until the carrier must have read what it was sent. A worker that died was
    silent for a whole lease before anybody asked.
    """
    with _locked(handover) as (message, row):
        if row.outcome == Outcome.UNKNOWN and now < row.at + SETTLES:
            _again(message, Status.UNKNOWN, row.error, row.at + SETTLES)
        elif row.outcome in OPEN:
            _end(row, Outcome.NOT_SENT, NEVER_ARRIVED, now)
            _take_way_back(message)
            _again(message, Status.QUEUED, "", now)
            waking.on_commit(DELIVER, message.pk)
    return False


@transactions.whole
def nobody_knows(handover: Handover, now: datetime) -> bool:
    """The carrier can't be asked: the operator's policy says whether it is left or sent once more, and the row too."""
    with _locked(handover) as (message, row):
        if row.outcome not in OPEN:
            return False
        is_again = policies.of(message.operator).on_unknown == MessagingPolicy.OnUnknown.AGAIN
        if is_again and now < row.at + PATIENCE:
            _end(row, Outcome.UNKNOWN, "it may have arrived; a receipt may tell", now)
            _again(message, Status.UNKNOWN, row.error, row.at + PATIENCE)
        elif is_again and not message.handovers.filter(outcome=Outcome.GIVEN_UP).exists():
            _end(row, Outcome.GIVEN_UP, "it may have arrived; sent once more as the policy says", now)
            _again(message, Status.QUEUED, "", now)
            waking.on_commit(DELIVER, message.pk)
        else:
            _end(row, Outcome.UNKNOWN, "it may have arrived; the channel can't tell", now)
            _stop(message, row.error)
    return False


def pause(attempts: int, asked_for: float | None = None) -> timedelta:
    """How long to wait after so many attempts; longer if the carrier says so, within reason."""
    doubled = min(max(attempts - 1, 0), 20)
    theirs = timedelta(seconds=min(asked_for or 0.0, LONGEST_ASKED_FOR.total_seconds()))
    return max(min(FIRST_PAUSE * (1 << doubled), LONGEST_PAUSE), theirs)


def _tried_since(message: Message) -> datetime:
    return message.tried_again_at or message.created_at


def _surely_not_sent(message: Message) -> int:
    """How many of its attempts ended with the carrier's word that nothing left: those leave no question open."""
    ended = message.handovers.filter(channel=message.channel, outcome=Outcome.NOT_SENT, at__gte=_tried_since(message))
    return ended.exclude(error=NEVER_ARRIVED).count()


def to_second_channel(message: Message, error: str, now: datetime) -> bool:
    """Queue it on the operator's second channel, from the beginning; False when there is none.

    The caller holds the message's lock, and knows that nothing on the first channel arrived or still may.
    """
    second = policies.second_channel(message)
    if not second:
        return False
    message.channel, message.attempts, message.channel_reference, message.sent_at = second, 0, "", None
    _again(message, Status.QUEUED, error, now)
    if message.link_id:
        links.note(message.link_id, "fallback", now, detail=second)
    waking.on_commit(DELIVER, message.pk)
    log.info("message_second_channel", message=message.pk, channel=second)
    return True


@contextmanager
def _locked(handover: Handover) -> Iterator[tuple[Message, Handover]]:
    """The message under its lock and the hand-over as it is now."""
    with transaction.atomic():
        message = (
            Message.objects.select_for_update(of=["self"])
            .select_related("operator__messaging_policy", "customer")
            .get(pk=handover.message_id)
        )
        yield message, Handover.objects.get(pk=handover.pk)


def _end(row: Handover, outcome: Outcome, error: str, now: datetime) -> None:
    row.outcome, row.error, row.changed_at = outcome, error[:200], now
    row.save()


def _again(message: Message, status: Status, error: str, at: datetime) -> None:
    if message.status in Message.ALLOWED_FROM[status]:
        message.status, message.next_attempt_at, message.claimed_until = status, at, None
        message.error = error[:200]
        message.save()
        log.info("message_put_off", message=message.pk, status=str(status), error=error[:200])


def _stop(message: Message, error: str) -> None:
    if message.status in Message.ALLOWED_FROM[Status.FAILED]:
        message.status, message.claimed_until, message.error = Status.FAILED, None, error[:200]
        message.save()
        log.warning("message_stopped", message=message.pk, error=error[:200])


def _arrive(message: Message, row: Handover, outcome: Outcome, now: datetime) -> bool:
    """Up to ``outcome``; False when that is no news of the message either."""
    was_sent, was_failed, before = message.sent_at, row.outcome in Handover.FAILED, message.status
    is_news = _raise_outcome(message, row, outcome, now)
    if was_sent is None:
        message.sent_at = now
        _tell_sent(message, row, now)
    if was_sent is None or (was_failed and row.outcome == outcome):
        # Receipts go out on the channel that the link came by, which may be an earlier one.
        note_way(message, row.channel)
    status = STATUS[outcome]
    if status in (Status.DELIVERED, Status.READ) and message.delivered_at is None:
        message.delivered_at = now
    if status == Status.READ and message.read_at is None:
        message.read_at = now
    if message.status in Message.ALLOWED_FROM[status]:
        message.status, message.claimed_until, message.error = status, None, ""
        message.channel_reference = row.channel_reference
        if status != Status.SENT and message.link_id:
            links.note(message.link_id, str(status), now, detail=message.template)
    message.save()
    return is_news or message.status != before


def _raise_outcome(message: Message, row: Handover, outcome: Outcome, now: datetime) -> bool:
    """On the hand-over's own row. What was written off may arrive after all, when another has taken its place."""
    row.changed_at = now
    if row.outcome not in ENDED or not message.handovers.exclude(pk=row.pk).exclude(outcome__in=ENDED).exists():
        row.outcome, row.error = outcome, ""
        row.save()
        return True
    error = f"{outcome.value} after all, when another had taken its place"
    is_news, row.error = row.error != error, error
    row.save()
    # Where the policy had it sent once more without knowing, two are what was asked for.
    if is_news and row.outcome != Outcome.GIVEN_UP:
        alarms.raise_alarm("sent_twice", f"message:{message.pk}", now, operator=message.operator)
    return is_news


def _tell_sent(message: Message, row: Handover, now: datetime) -> None:
    if message.link_id and message.template in TIMELINE_KINDS:
        links.note(message.link_id, TIMELINE_KINDS[message.template], now, message.payment_id, detail=row.channel)


def note_way(message: Message, channel: str) -> None:
    """Which way it comes, on the link that it brings. A PIN may be asked for by that: known before it arrives."""
    link = _link_brought_by(message)
    # One address, several copies: a rule for any of their ways holds for all.
    ways = "" if link is None or f" {channel} " in link.ways else f" {channel} "
    if link and (ways or link.via != channel):
        link.via, link.ways = channel, link.ways + ways
        link.save(update_fields=["via", "ways"])


def _take_way_back(message: Message) -> None:
    """A copy reached nobody: the link came by the newest one that may have arrived, and its receipt goes there.

    Without any it is as before the first: the way of the link that it renews, or none. ``ways`` keeps what was tried.
    """
    link = _link_brought_by(message)
    if link is None:
        return
    copies = Handover.objects.filter(message__link=link, message__template__in=occasions.OPENING_LINK)
    newest = copies.exclude(outcome__in=Handover.FAILED).order_by("-pk").values_list("channel", flat=True).first()
    via = newest or (link.renews.via if link.renews else "")
    if link.via != via:
        link.via = via
        link.save(update_fields=["via"])


def _link_brought_by(message: Message) -> PaymentLink | None:
    """The link that a message leads to, under its lock: of two copies, each sees the other's hand-over or waits."""
    if not message.link_id or not occasions.opens_link(message.template):
        return None
    return PaymentLink.objects.select_for_update(no_key=True, of=["self"]).get(pk=message.link_id)


def _fail_for_good(message: Message, row: Handover, outcome: Outcome, error: Refused, now: datetime) -> None:
    """The one way to a second channel: the carrier's own last word that this hand-over reached nobody.

    A number whose owner wants nothing from us is not tried elsewhere either.
    """
    is_current = not message.handovers.filter(pk__gt=row.pk).exists() and message.channel == row.channel
    _end(row, outcome, str(error), now)
    _take_way_back(message)
    if error.mark:
        _mark(message, row, error.mark, now)
    if not is_current or message.status not in Message.ALLOWED_FROM[Status.QUEUED]:
        return
    if message.link_id:
        links.note(message.link_id, "undelivered", now, detail=message.template)
    if error.mark == "opted_out" or not to_second_channel(message, str(error), now):
        _stop(message, str(error) or str(outcome))


def _mark(message: Message, row: Handover, mark: str, now: datetime) -> None:
    """Of the number that it went to, which the customer may have changed since."""
    channel = channels.REGISTRY.get(row.channel)
    address = getattr(message.customer, channel.reaches) if channel else ""
    if channel and address and (not row.last_digits or address.endswith(row.last_digits)):
        contacts.mark(message.operator, channel.medium, address, mark, now)


def _keep_details(row: Handover, receipt: Receipt) -> None:
    if receipt.channel_reference and not row.channel_reference:
        row.channel_reference = receipt.channel_reference[:120]
    if receipt.cost_micros is not None:
        row.cost_micros, row.cost_currency = receipt.cost_micros, receipt.cost_currency
