"""Asking for a fresh link where the old one has ended: it goes to the number or mailbox on file, and to no other."""

from datetime import datetime

import structlog
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import links
from billing.models import PaymentLink
from payportal import limits
from payportal.messaging import messages
from payportal.pages import errors

log = structlog.get_logger(__name__)

# What the button of the page is called; a form of the pages themselves that comes too late has no such field.
BUTTON = "again"
TEMPLATE = "fresh_link"
# So many in so many seconds. Not by the visitor's address: a whole town may share one.
PER_LINK = ("fresh-link", (3, 3600))
# Fewer than the customer's own: whoever holds one ended link can't use them all up.
PER_LINK_A_DAY = ("fresh-link-day", (3, 24 * 3600))
PER_CUSTOMER = ("fresh-customer", (5, 24 * 3600))
NOBODY = "nobody"


def is_asked_for(request: HttpRequest) -> bool:
    """Whether the page's button was pressed."""
    return BUTTON in request.POST


def answer(request: HttpRequest, link: PaymentLink | None) -> HttpResponse:
    """Send it, if there is anybody to send it to, and say the same to all: nobody learns whether there is.

    Closed while Valkey can't count, for all alike.
    """
    try:
        # Both are counted for everybody: a stranger's button does the same work.
        allowed = [
            limits.allow(PER_LINK[0], str(link.pk) if link else NOBODY, per=PER_LINK[1]),
            limits.allow(PER_LINK_A_DAY[0], str(link.pk) if link else NOBODY, per=PER_LINK_A_DAY[1]),
            limits.allow(PER_CUSTOMER[0], str(link.customer_id) if link else NOBODY, per=PER_CUSTOMER[1]),
        ]
    except limits.LimitsDown:
        log.warning("fresh_links_closed")
        return errors.words(
            request,
            status=503,
            title=_("We can’t send links just now"),
            text=_("Nothing is wrong with your account. Please try again in a few minutes."),
            call=True,
        )
    if link and all(allowed):
        send(link, timezone.now())
    return errors.words(
        request,
        status=200,
        title=_("Look at your messages"),
        # True of everybody, also of who wrote STOP and gets nothing, and of who has a mailbox alone.
        text=_(
            "If this link was yours, look for a new one in the messages and e-mail that you get from us. "
            "If nothing comes within a few minutes, call us."
        ),
        call=True,
    )


def send(old: PaymentLink, now: datetime) -> bool:
    """Make a fresh link in an old one's place and queue its message, together; False when there was nothing to do."""
    with transaction.atomic():
        made = links.renew(old, actor=f"customer:{old.pk}", now=now)
        return made is not None and messages.queue(
            operator=made.operator,
            customer=made.customer,
            template=TEMPLATE,
            reference=f"{TEMPLATE}:{made.pk}",
            context={},
            now=now,
            link=made,
        )
