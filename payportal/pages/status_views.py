"""The page that banks return to: one payment, told as it goes, until it has ended."""

import hashlib
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods

from billing import links
from billing.models import Payment
from payportal import probing
from payportal.pages import access, asking, language, shell, status_page
from payportal.pages.requests import OperatorRequest

# htmx stops polling at this status, and shows what comes with it.
STOP_POLLING = 286


@require_http_methods(["GET", "HEAD", "POST"])
@access.no_robots
def status(request: OperatorRequest, token: str) -> HttpResponse:
    """One payment's page; the token opens nothing else, since banks return to other browsers."""
    try:
        payment = _current(request, token)
    except links.LinkUnusable:
        probing.noticed(request)
        return access.refuse(request)
    context = {**_context(request, payment, token), "script": shell.asset("js/status.js")}
    return shell.page(request, "pages/status.html", kind="status", context=context)


@require_GET
def part(request: OperatorRequest, token: str) -> HttpResponse:
    """What changed since ``v``: 204 nothing, 200 something, 286 the end. One query says "nothing"."""
    try:
        payment = _current(request, token)
    except links.LinkUnusable:
        probing.noticed(request)
        return shell.private(HttpResponse(status=STOP_POLLING))
    version, _, digest = request.GET.get("v", "").partition("-")
    if version == status_page.version(payment, timezone.now()):
        return shell.private(HttpResponse(status=204))
    context = _context(request, payment, token)
    return _only_the_version(context) if digest == context["digest"] else _everything(context, request.operator.name)


def _everything(context: dict[str, Any], brand_name: str) -> HttpResponse:
    """The part anew, and the page's title with it."""
    title = format_html("<title>{} – {}</title>", context["status"].heading, brand_name)
    body = title + context["told"] + _poll(context)
    return shell.private(HttpResponse(body, status=STOP_POLLING if context["status"].is_final else 200))


def _only_the_version(context: dict[str, Any]) -> HttpResponse:
    """Something happened that nobody sees: what is read stays (a screen reader would begin again), and who asks next
    time asks from the new version on.
    """
    poll = _poll(context)
    response = HttpResponse(poll, status=200 if poll else STOP_POLLING)
    response["HX-Retarget"] = "#poll"
    response["HX-Reswap"] = "outerHTML" if poll else "delete"
    return shell.private(response)


def _poll(context: dict[str, Any]) -> str:
    return "" if context["status"].is_final else shell.render("partials/poll.html", context)


def _current(request: OperatorRequest, token: str) -> Payment:
    """The payment as it is now; the gateway is asked first where nothing was heard for a while."""
    payment = links.payment_by_status_token(request.operator, token)
    if asking.is_due(payment, timezone.now()) and asking.ask(payment, timezone.now()):
        payment = links.payment_by_status_token(request.operator, token)
    return payment


def _context(request: OperatorRequest, payment: Payment, token: str) -> dict[str, Any]:
    language.prefer(request, payment.customer.language)
    shown = status_page.build(payment, request.operator, get_language() or "en", timezone.now())
    back = access.way_back(request, payment) if shown.is_unpaid else ""
    told = shell.render("partials/status.html", {"status": shown, "back": back})
    return {
        "status": shown,
        "token": token,
        "told": told,
        # Tells whether the next version looks any different.
        "digest": hashlib.sha256(told.encode()).hexdigest()[:8],
    }
