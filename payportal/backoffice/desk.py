"""What staff do for a customer on the phone: make a link, show its code, send it, withdraw it; have a job tried again.

Pages go stale while people talk. Each verb is told what the page showed, and when that is no longer so it does nothing:
the second of two clicks, or of two colleagues, sees what the first one did.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q, QuerySet

from activation import jobs
from activation.models import ActivationJob
from billing import audit, links
from billing.models import Customer, PaymentLink
from payportal import qr
from payportal.backoffice import access
from payportal.messaging import messages
from payportal.messaging.models import Message

LINK_TEMPLATE = "link"


class LinkEnded(Exception):
    """The link is withdrawn or has run out: it can't be shown or sent any more."""


def newest_link(customer: Customer, currency: str) -> PaymentLink | None:
    """The link made last for this customer in this currency."""
    found = PaymentLink.objects.filter(customer=customer, currency=currency).order_by("-pk").first()
    if found is not None:
        found.operator = customer.operator
    return found


def is_live(link: PaymentLink, now: datetime) -> bool:
    """Whether the link still opens the customer's bills."""
    return link.revoked_at is None and link.expires_at > now


def make_link(customer: Customer, *, newest_seen: int, actor: str, now: datetime) -> tuple[PaymentLink, bool]:
    """A link in the currency of the customer's operator, and whether it was made just now.

    ``newest_seen`` is the newest link that the page knew of (0: none). A live one that came since is the answer.
    """
    currency = customer.operator.currency
    with transaction.atomic():
        # One at a time for each customer; readers and rows that point to the customer are not held up.
        Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        newest = newest_link(customer, currency)
        if newest is not None and newest.pk > newest_seen and is_live(newest, now):
            return newest, False
        return links.create(customer=customer, currency=currency, actor=actor, now=now), True


def times_sent(link: PaymentLink) -> int:
    """How often this link was given to a channel."""
    return Message.objects.filter(link=link, template=LINK_TEMPLATE).count()


def send_link(link: PaymentLink, *, times_seen: int, actor: str, now: datetime) -> bool:
    """Send a link to its customer; False when it went out since the page was shown. Raises LinkEnded.

    Each sending has a number, and the number is in the message's unique reference: a number goes out once.
    """
    if not is_live(link, now):
        raise LinkEnded
    with transaction.atomic():
        if times_sent(link) != times_seen:
            return False
        was_queued = messages.queue(
            operator=link.operator,
            customer=link.customer,
            template=LINK_TEMPLATE,
            reference=f"link:{link.pk}:{times_seen + 1}",
            context={},
            now=now,
            link=link,
        )
        if was_queued:
            _record("send-link", link, actor, now)
    return was_queued


def show_code(link: PaymentLink, *, actor: str, now: datetime) -> tuple[str, str]:
    """The link's address and its QR code as SVG, made at this moment and kept nowhere. Raises LinkEnded."""
    if not is_live(link, now):
        raise LinkEnded
    _record("show-link", link, actor, now)
    address = links.url(link)
    return address, qr.svg(address)


def print_code(link: PaymentLink, *, actor: str, now: datetime) -> bytes:
    """The link's QR code as PNG with the host beneath, made at this moment and kept nowhere. Raises LinkEnded.

    Whoever has the picture has the address: it is written down as a look at it.
    """
    if not is_live(link, now):
        raise LinkEnded
    _record("show-link", link, actor, now, reason="for print")
    host = urlsplit(links.origin(link.operator)).hostname or ""
    return qr.png(links.url(link), label=host)


def _record(verb: str, link: PaymentLink, actor: str, now: datetime, reason: str = "") -> None:
    subject = f"link:{link.pk}"
    audit.record(actor=actor, verb=verb, subject_reference=subject, now=now, reason=reason, operator=link.operator)


def jobs_within_reach(user: Any) -> QuerySet[ActivationJob]:
    """The jobs of the operators that this person works for: a job hangs on an order's item or on a service."""
    every = ActivationJob.objects.all()
    if user.is_superuser and user.is_active:
        return every
    own = access.operators_of(user).values("pk")
    return every.filter(
        Q(order_item__order__customer__operator__in=own)
        | Q(order_item__isnull=True, activation__customer__operator__in=own)
    )


def retry(chosen: QuerySet[ActivationJob], *, actor: str, now: datetime) -> int:
    """Have parked jobs tried again and return how many were; the others of the choice stay as they are."""
    parked = chosen.filter(status=ActivationJob.Status.PARKED).select_related(
        "order_item__order__customer__operator", "activation__customer__operator"
    )
    return sum(jobs.retry(job, actor=actor, now=now) for job in parked)
