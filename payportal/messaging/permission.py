"""Whether a message may be said now: asked right before each sending, since much may have happened since it was queued.

What somebody is waiting for (a link, a code, a receipt) is held up by no clock and no cap; the link of a campaign, for
which nobody asked, is. Opt-outs stop everything on that medium: who wrote STOP wants nothing more there, and carriers
refuse it anyway.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from activation.models import ActivationJob
from billing import invoices, pins
from billing.models import Customer, Operator
from payportal.messaging import channels, consents, contacts, policies
from payportal.messaging.models import Handover, Message, MessagingPolicy
from payportal.messaging.occasions import CAPPED, OCCASIONS, opens_link

Status = Message.Status
# It may have arrived, as far as anybody knows.
MAYBE = (Handover.Outcome.PENDING, Handover.Outcome.UNKNOWN, Handover.Outcome.GIVEN_UP)

# Nobody waits for it or asked for it: an occasion of that kind, or what a campaign sends.
COUNTED = Q(template__in=CAPPED) | Q(context__may_wait=True)

# How long a message that counts waits for another one that is just being sent: the worker's lease, and a bit by which
# two that wait for each other come apart.
IN_FLIGHT = timedelta(seconds=40)
APART_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Go:
    """Now."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not before."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Never:
    """Not at all; ``reason`` is a code. After ``unreachable`` another medium may be tried."""

    reason: str


Answer = Go | Later | Never


def ask(message: Message, now: datetime, besides: int = 0) -> Answer:
    """Whether it may be said now, later or never; the reason that is hardest to change comes first.

    ``besides``: so many more messages that count will have gone out to this customer before it.
    """
    occasion = OCCASIONS.get(message.template)
    if occasion is None:
        # Whoever gives it to a channel finds that it has no words.
        return Go()
    refused = _address(message)
    if refused:
        return refused
    if occasion.purpose == "offer" and not consents.in_force(message.customer, occasion.purpose):
        return Never("no_consent")
    refused = _pointless(message, now)
    if refused:
        return refused
    policy = policies.of(message.operator)
    if occasion.may_be_quiet or message.context.get("may_wait"):
        wakes = awake_at(policy, zone_of(message.customer, message.operator), now)
        if wakes > now:
            return Later(wakes)
    counts = occasion.counts_for_cap or message.context.get("may_wait")
    return _capped(message, policy, now, besides) if counts else Go()


def zone_of(customer: Customer, operator: Operator) -> ZoneInfo:
    """The customer's time zone, else the operator's; a name that is none counts as no name."""
    for name in (customer.time_zone, operator.time_zone):
        try:
            if name:
                return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def awake_at(policy: MessagingPolicy, zone: ZoneInfo, now: datetime) -> datetime:
    """``now``, or when the quiet hours end that it lies in: the same clock on days of 23 and of 25 hours."""
    local = now.astimezone(zone)
    begin, end = policy.quiet_from, policy.quiet_until
    if not _is_quiet(local.time(), begin, end):
        return now
    day = local.date() if local.time() < end else local.date() + timedelta(days=1)
    # A time of the clock that comes twice that day, or not at all, stands for the later of its two moments.
    moments = [datetime.combine(day, end, tzinfo=zone).replace(fold=fold).astimezone(now.tzinfo) for fold in (0, 1)]
    return max(moments)


def _is_quiet(at: time, begin: time, end: time) -> bool:
    if begin <= end:
        return begin <= at < end
    return at >= begin or at < end


def _address(message: Message) -> Never | None:
    """Whether the number or mailbox is one that we may write to, and that can be reached."""
    channel = channels.REGISTRY.get(message.channel)
    if channel is None:
        return None
    address = getattr(message.customer, channel.reaches)
    known = list(contacts.known(message.operator_id, channel.medium, address))
    if any(each.opted_out_at for each in known):
        return Never("opted_out")
    if any(each.unreachable_at for each in known):
        return Never("unreachable")
    return None


def _pointless(message: Message, now: datetime) -> Never | None:
    """Whether it is no news any more: what it opens has ended, or what it is about is settled or being settled."""
    link = message.link if opens_link(message.template) else None
    if link and (link.revoked_at or link.expires_at <= now):
        return Never("link_ended")
    if message.template in ("reminder", "late_fee"):
        # It asks us in turn.
        from payportal.messaging import reminders

        reason = reminders.still_wanted(message, now)
        return Never(reason) if reason else None
    if message.template == "link" and message.link and message.context.get("may_wait"):
        # A campaign's: nobody asked for it, and it may have waited for a night.
        return None if invoices.owed(message.customer_id, message.link.currency).exists() else Never("paid")
    if message.template == "pin_code" and now >= message.created_at + pins.CODE_LIFETIME:
        # Whoever waited for it has given up, or has asked for another one.
        return Never("too_late")
    if message.template == "delayed" and _is_done(message.context.get("job", 0)):
        # It is on meanwhile, and that was said.
        return Never("too_late")
    return None


def _is_done(job_id: int) -> bool:
    return ActivationJob.objects.filter(pk=job_id, status=ActivationJob.Status.DONE).exists()


def _capped(message: Message, policy: MessagingPolicy, now: datetime, besides: int) -> Answer:
    """Whether this customer has heard enough from us these days.

    What may have arrived counts, also what was given up without anybody knowing. Another one that is just being sent is
    waited for: it may count in a moment.
    """
    since = now - timedelta(days=policy.cap_days)
    others = Message.objects.filter(COUNTED, customer_id=message.customer_id).exclude(pk=message.pk)
    unheard = Handover.objects.filter(message=OuterRef("pk"), outcome__in=MAYBE)
    told = Q(status__in=[*Message.ARRIVING, Status.UNKNOWN]) | Q(Exists(unheard), status=Status.FAILED)
    counted = besides + others.annotate(at=Coalesce("sent_at", "created_at")).filter(told, at__gt=since).count()
    if counted >= policy.cap_messages:
        return Never("capped")
    under_way = others.filter(status=Status.SENDING, claimed_until__gt=now).count()
    if counted + under_way >= policy.cap_messages:
        return Later(now + IN_FLIGHT + timedelta(seconds=(message.pk or 0) % APART_SECONDS))
    return Go()
