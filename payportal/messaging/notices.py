"""Notices: the delivered reminders that told of a fee, without which none is charged.

A carrier's word is needed, and a way to pay that worked: a link that lay in our database alone is none.
"""

from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery

from billing import fees
from billing.models import Invoice, PaymentLink
from payportal.messaging.models import Message
from payportal.messaging.occasions import OPENING_LINK

# Between a notice's arrival and its fee, and how much of that time there was a link to pay with.
BEFORE_FEE = timedelta(days=14)
WAY_TO_PAY = timedelta(hours=24)


def find(bill: Invoice, amount: int, now: datetime, reference: str = "") -> Message | None:
    """The delivered reminder that told of at least this fee for this bill, with a link that worked for a day after.

    The oldest, or the one of this ``reference``.
    """
    told = Message.objects.filter(
        customer_id=bill.account.customer_id,
        template="reminder",
        delivered_at__lte=now - BEFORE_FEE,
        context__bills__contains=[bill.pk],
        context__fee__gte=amount,
        link__isnull=False,
    )
    if reference:
        told = told.filter(reference=reference)
    return next((each for each in told.order_by("delivered_at") if _could_be_paid(bill, each, now)), None)


def delivered_at(bill: Invoice, amount: int, reference: str, now: datetime) -> datetime | None:
    """When the notice of this reference was delivered; None unless it allows this fee for this bill now."""
    found = find(bill, amount, now, reference) if reference else None
    return found.delivered_at if found else None


def connect() -> None:
    """Have every fee proved here; called once when Django starts."""
    fees.prove_by(delivered_at)


def _could_be_paid(bill: Invoice, notice: Message, now: datetime) -> bool:
    """Whether some link that the customer had worked for a whole day between the notice and now.

    They had it from the moment on in which a message that leads to it was delivered, or a person opened it.
    """
    brought = Message.objects.filter(link=OuterRef("pk"), template__in=OPENING_LINK, delivered_at__isnull=False)
    found = PaymentLink.objects.filter(
        customer_id=notice.customer_id, currency=bill.currency, expires_at__gt=notice.delivered_at
    ).annotate(brought_at=Subquery(brought.order_by("delivered_at").values("delivered_at")[:1]))
    for link in found:
        there = min(filter(None, (link.brought_at, link.opened_at)), default=now)
        ends = min(filter(None, (link.expires_at, link.revoked_at, now)))
        if ends - max(there, notice.delivered_at or now) >= WAY_TO_PAY:
            return True
    return False
