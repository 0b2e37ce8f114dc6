"""Whether something changed on a link, or on any link of a customer, since a page was shown: one query.

A page that follows what happens carries the version it shows. Every change of a link writes to its timeline in the same
transaction, so its newest entry is the version; beside it stand what becomes of the message with the link, which has
no entry until it went out, and which link is open now, since links end by the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat

from activation.models import ActivationJob
from billing.models import LinkEvent, Payment, PaymentLink
from payportal.backoffice import desk
from payportal.messaging.models import Message

UNDER_WAY = (ActivationJob.Status.QUEUED, ActivationJob.Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a page can tell by itself: its ``version``, and that nothing more ``is_expected`` to happen."""

    version: str
    is_expected: bool


def of_link(link_id: int, within: QuerySet[PaymentLink], now: datetime) -> Pulse | None:
    """One link's; None when it isn't among ``within``."""
    return _of(within.filter(pk=link_id), {"link": "link", "itself": "pk"}, now)


def of_customer(customer_id: int, within: QuerySet[Any], now: datetime) -> Pulse | None:
    """That of all links of a customer; None when they aren't among ``within``."""
    return _of(within.filter(pk=customer_id), {"link": "link__customer", "itself": "customer"}, now)


def busy_links(links: QuerySet[PaymentLink]) -> QuerySet[PaymentLink]:
    """The links with a payment that has not ended, or with something that is being switched on."""
    return links.filter(
        Exists(Payment.objects.filter(link=OuterRef("pk"), status__in=Payment.OPEN))
        | Exists(ActivationJob.objects.filter(payment__link=OuterRef("pk"), status__in=UNDER_WAY))
    )


def _of(rows: QuerySet[Any], path: Mapping[str, str], now: datetime) -> Pulse | None:
    """``path`` leads from a timeline's entry, and from a link, to the row."""
    link, owner = path["link"], OuterRef("pk")
    own_links = PaymentLink.objects.filter(**{path["itself"]: owner})
    events = LinkEvent.objects.filter(**{link: owner}).order_by().values(link)
    messages = Message.objects.filter(**{link: owner}, template=desk.LINK_TEMPLATE).order_by("-pk")
    found = (
        rows.annotate(
            pulse_event=Subquery(events.annotate(newest=Max("pk")).values("newest")),
            pulse_message=Subquery(messages.annotate(state=_state()).values("state")[:1]),
            pulse_live=Subquery(live(own_links, now).order_by("-pk").values("pk")[:1]),
            pulse_is_busy=Exists(busy_links(own_links)),
        )
        .values_list("pulse_event", "pulse_message", "pulse_live", "pulse_is_busy")
        .first()
    )
    if found is None:
        return None
    event, message, live_link, is_busy = found
    version = f"{event or 0}-{live_link or 0}-{message or 0}"
    return Pulse(version, is_expected=bool(live_link or is_busy))


def live(links: QuerySet[PaymentLink], now: datetime) -> QuerySet[PaymentLink]:
    """The links that open something now."""
    return links.filter(Q(revoked_at__isnull=True), expires_at__gt=now)


def _state() -> Concat:
    """A message's number, status and how often it was tried, as a word."""
    return Concat(
        Cast(F("pk"), CharField()),
        Value("."),
        F("status"),
        Value("."),
        Cast(F("attempts"), CharField()),
        output_field=CharField(),
    )
