"""What is kept of a number or mailbox: that its owner wants nothing more, or that it can't be reached."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from billing import links
from billing.models import Customer, Operator
from payportal.messaging import whatsapp_ids
from payportal.messaging.channels.base import Channel
from payportal.messaging.models import ContactMedium, Message, ReminderRule

# How old the newest link of a customer may be for an opt-out to stand on its timeline.
TIMELINE_REACH = timedelta(days=60)


def spellings(medium: str, address: str) -> list[str]:
    """Every way of writing a number or mailbox on this medium; the first is kept, and found again by each."""
    plain = address.strip().lower()
    return whatsapp_ids.spellings(plain) if medium == "whatsapp" else [plain]


def known(operator_id: int, medium: str, address: str) -> QuerySet[ContactMedium]:
    """What is kept of this number or mailbox, however it was written."""
    return ContactMedium.objects.filter(operator_id=operator_id, medium=medium, address__in=spellings(medium, address))


def mark(operator: Operator, medium: str, address: str, as_: str, now: datetime) -> None:
    """Keep what a carrier told of it: ``unreachable`` or ``opted_out``."""
    field, kept = f"{as_}_at", spellings(medium, address)[0]
    ContactMedium.objects.bulk_create(
        [ContactMedium(operator=operator, medium=medium, address=kept, reason="carrier", **{field: now})],
        update_conflicts=True,
        unique_fields=["operator", "medium", "address"],
        update_fields=[field, "reason"],
    )


def stop(channel: Channel, account: str, address: str, now: datetime) -> bool:
    """Its owner wants nothing more: kept for every operator that speaks through this account. False: known before."""
    kept = spellings(channel.medium, address)[0]
    is_news = False
    with transaction.atomic():
        # In one order: of two at once, one waits for the other.
        for operator in _speaking_through(channel, account, address).order_by("pk"):
            medium, is_new = ContactMedium.objects.get_or_create(
                operator=operator,
                medium=channel.medium,
                address=kept,
                defaults={"opted_out_at": now, "reason": "stop"},
            )
            changed = is_new or ContactMedium.objects.filter(pk=medium.pk, opted_out_at__isnull=True).update(
                opted_out_at=now, reason="stop"
            )
            if changed:
                is_news = True
                _note_opted_out(operator, channel, address, now)
    return is_news


def start(channel: Channel, account: str, address: str) -> bool:
    """Its owner wants to hear from us again, and is there to say so. False when nothing stood in the way."""
    rows = ContactMedium.objects.filter(
        Q(opted_out_at__isnull=False) | Q(unreachable_at__isnull=False),
        operator__in=_speaking_through(channel, account, address),
        medium=channel.medium,
        address__in=spellings(channel.medium, address),
    )
    return bool(rows.update(opted_out_at=None, unreachable_at=None, reason="start"))


def _speaking_through(channel: Channel, account: str, address: str) -> QuerySet[Operator]:
    """The operators whose messages come from this account: by their policy, or because one went to this address."""
    its_account = Q(messaging_policy__account=account)
    if account == "default":
        its_account |= Q(messaging_policy__isnull=True)
    its_channel = Q(channel=channel.code) | Q(messaging_policy__fallback_channel=channel.code)
    reminding = ReminderRule.objects.filter(channel=channel.code).values("operator")
    used = Message.objects.filter(
        customer__in=_owners(channel, address), handovers__channel=channel.code, handovers__account=account
    ).values("operator")
    return Operator.objects.filter(its_account & (its_channel | Q(pk__in=reminding)) | Q(pk__in=used))


def _owners(channel: Channel, address: str) -> QuerySet[Customer]:
    ways = spellings(channel.medium, address)
    return Customer.objects.filter(Q(phone__in=ways) if channel.reaches == "phone" else Q(email__iexact=ways[0]))


def _note_opted_out(operator: Operator, channel: Channel, address: str, now: datetime) -> None:
    """On the timeline of the newest link that these customers got, where an agent will look for the reason."""
    for customer in _owners(channel, address).filter(operator=operator):
        newest = (
            Message.objects.filter(customer=customer, link__isnull=False, created_at__gt=now - TIMELINE_REACH)
            .order_by("-created_at")
            .values_list("link_id", flat=True)
            .first()
        )
        if newest:
            links.note(newest, "opted_out", now, detail=channel.medium)
