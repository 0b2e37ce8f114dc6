"""Typing a PIN or a one-time code, and being sent one."""

import unicodedata

import structlog
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import links, pins
from billing.pins import Checked
from billing.proofs import Action
from payportal import limits
from payportal.messaging import messages, policies
from payportal.pages import access, outage, proof, shell
from payportal.pages.requests import LinkRequest

log = structlog.get_logger(__name__)

# One code a minute, five an hour and six a day for a link, and ten a day for a customer: more are no help to anybody.
# Whoever has one link in hand that isn't theirs can't use up what the customer's next one needs.
LINK_A_DAY = (6, 24 * 3600)
CODE_LIMITS = (("code-link", (1, 60)), ("code-link-hour", (5, 3600)), ("code-link-day", LINK_A_DAY))
CUSTOMER_LIMIT = ("code-customer", (10, 24 * 3600))
LONGEST_TYPED = 16


@require_http_methods(["GET", "POST"])
@access.no_robots
@access.link_required
def pin(request: LinkRequest) -> HttpResponse:
    """The page that asks. A try is counted before it is looked at; the answer is right, wrong or later, and no more."""
    if request.method == "GET":
        return ask(request, request.GET.get("for", ""))
    wanted = request.POST.get("for", "")
    now = timezone.now()
    try:
        checked = pins.check(request.link, _digits(request.POST.get("pin", "")), now)
    except pins.Busy:
        log.warning("pins_busy")
        return outage.answer(request)
    if checked is Checked.LOCKED:
        links.note_change(request.link, "pin_locked", now)
    else:
        links.note(request.link, "pin_ok" if checked is Checked.RIGHT else "pin_wrong", now)
    if checked is not Checked.RIGHT:
        return ask(request, wanted, error=checked)
    response = shell.private(HttpResponseRedirect(_where(request, wanted)))
    response.status_code = 303
    proof.remember(request, response, request.link)
    return response


@require_http_methods(["GET", "POST"])
@access.no_robots
@access.link_required
def send_code(request: LinkRequest) -> HttpResponse:
    """Send a one-time code to the number on file: never to another, never showing it, and saying the same if none is.

    It goes to the phone, also where the link came by e-mail; where there is nothing but mail the page says so. Closed
    while Valkey can't count: the PIN goes on. A GET (a tab restored, another language chosen) sends nothing.
    """
    if request.method == "GET":
        return ask(request, "")
    link, now = request.link, timezone.now()
    try:
        allowed = all(limits.allow(scope, str(link.pk), per=per) for scope, per in CODE_LIMITS)
        allowed = allowed and limits.allow(CUSTOMER_LIMIT[0], str(link.customer_id), per=CUSTOMER_LIMIT[1])
    except limits.LimitsDown:
        return ask(request, request.POST.get("for", ""), note="closed")
    channel = policies.for_code(link)
    if allowed:
        with transaction.atomic():
            was_queued = messages.queue(
                operator=link.operator,
                customer=link.customer,
                template=policies.ONE_TIME_CODE,
                # However often it is tapped within a minute, it is one.
                reference=f"pin_code:{link.pk}:{int(now.timestamp()) // 60}",
                context={},
                now=now,
                link=link,
                channel=channel,
            )
            if was_queued:
                links.note_change(link, "code_sent", now)
    is_mailed = bool(link.customer.email) and not policies.reaches_phone(channel)
    return ask(request, request.POST.get("for", ""), note="mailed" if is_mailed else "sent")


def ask(request: LinkRequest, wanted: str, *, error: Checked | None = None, note: str = "") -> HttpResponse:
    """The page with its one field. ``wanted`` is what the PIN is for: a code of ours, anything else is ignored."""
    if error is None and not note:
        links.note_change(request.link, "pin_asked", timezone.now())
    context = {
        "base": f"/p/{request.link.selector}/",
        "for": wanted if _is_known(wanted) else "",
        "csrf_token": get_token(request),
        "is_wrong": error is Checked.WRONG,
        "is_locked": error is Checked.LOCKED,
        "note": note,
        "button": _("Show my bill") if wanted in ("", Action.OPEN) else _("Go on"),
    }
    return shell.page(request, "pages/pin.html", kind="pin", context=context, status=422 if error else 200)


def _where(request: LinkRequest, wanted: str) -> str:
    """Where to go with the proof: only to this link's own pages."""
    base = f"/p/{request.link.selector}/"
    return base + wanted if wanted.startswith("bill/") and _is_known(wanted) else base


def _is_known(wanted: str) -> bool:
    kind, _slash, number = wanted.partition("/")
    return wanted in Action.values or (kind == "bill" and number.isascii() and number.isdecimal() and len(number) < 19)


def _digits(typed: str) -> str:
    """What was typed as plain digits: people type spaces, and phones write the digits of their own script."""
    kept = "".join(typed.split())[:LONGEST_TYPED]
    return "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in kept)
