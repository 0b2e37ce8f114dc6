"""The demo's phone inbox: what a customer's phone would show, newest last, kept fresh by itself.

Only the demo and the tests have it. It shows whoever asks the addresses that a real phone alone would get.
"""

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import get_language, get_language_info
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import Customer, Operator
from payportal.demo import data
from payportal.demo.models import OutboxMessage
from payportal.messaging import dates, wording
from payportal.messaging.models import Message
from payportal.messaging.occasions import opens_link

NEWEST = 50
# What htmx takes for "leave the page as it is".
UNCHANGED = 204


@dataclass(frozen=True)
class Bubble:
    """One message as the phone shows it."""

    body: str
    address: str
    label: str
    is_button: bool
    language: str
    direction: str
    at: str
    clock: str
    new_day: str


@require_safe
@never_cache
def printed_customer(request: HttpRequest) -> HttpResponse:
    """The inbox of the customer whose link was printed."""
    return customer(request, *data.PRINTED_CUSTOMER)


@require_safe
@never_cache
def customer(request: HttpRequest, operator_code: str, reference: str) -> HttpResponse:
    """One customer's inbox; asked by htmx, only the list, and nothing when it is as the page shows it (``v``)."""
    whose = get_object_or_404(
        Customer.objects.select_related("operator"), operator__code=operator_code, reference=reference
    )
    received = list(OutboxMessage.objects.filter(to=whose.phone).order_by("-pk")[:NEWEST])[::-1]
    version = str(received[-1].pk if received else 0)
    is_part = "v" in request.GET
    if is_part and request.GET["v"] == version:
        return HttpResponse(status=UNCHANGED)
    context = {
        "customer": whose,
        "operator": whose.operator,
        "bubbles": _bubbles(received, whose.operator, timezone.now()),
        "version": version,
    }
    if not is_part:
        context["others"] = Customer.objects.select_related("operator").exclude(pk=whose.pk).order_by("pk")[:20]
    return render(request, "pages/inbox_messages.html" if is_part else "pages/inbox.html", context)


@require_safe
def brand(request: HttpRequest, operator_code: str) -> HttpResponse:
    """The operator's colour as a style sheet: the policy of the site admits no style in the page."""
    operator = Operator.objects.filter(code=operator_code).first()
    if operator is None:
        raise Http404
    ink = _ink_on(operator.brand_color)
    return HttpResponse(f":root{{--brand:{operator.brand_color};--on-brand:{ink}}}", content_type="text/css")


def _bubbles(received: list[OutboxMessage], operator: Operator, now: datetime) -> list[Bubble]:
    told = Message.objects.select_related("operator", "link__operator", "payment__operator").in_bulk(
        [row.reference for row in received], field_name="reference"
    )
    bubbles = []
    zone, spoken = operator.time_zone, get_language() or "en"
    newest_day = ""
    for row in received:
        day = dates.day(row.received_at, spoken, zone)
        message = told.get(row.reference)
        bubbles.append(
            Bubble(
                body=row.body,
                address=_address(message, now),
                label=row.address_label,
                is_button=bool(message and opens_link(message.template)),
                language=row.language,
                direction="rtl" if get_language_info(row.language)["bidi"] else "ltr",
                at=row.received_at.isoformat(),
                clock=dates.clock(row.received_at, spoken, zone),
                new_day=day if day != newest_day else "",
            )
        )
        newest_day = day
    return bubbles


def _address(message: Message | None, now: datetime) -> str:
    """Made again for this look; empty when it opens nothing any more."""
    try:
        return wording.address_of(message, now) if message else ""
    except wording.CannotSay:
        return ""


def _ink_on(color: str) -> str:
    """White or black, whichever reads better on the colour (WCAG 2.2 relative luminance; at least 4.58:1)."""
    channels = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return "#fff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179 else "#000"
