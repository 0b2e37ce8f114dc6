"""The payment page: what a link opens, and what its script and its form ask for."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from billing import gateways, links, proofs
from billing.models import Payment, PaymentLink
from billing.proofs import Action
from payportal import probing, visitors
from payportal.pages import access, checkout_page, errors, out_views, payer, pin_views, proof, robots, shell, ticks
from payportal.pages.checkout_page import CheckoutPage, LinkPayments
from payportal.pages.requests import LinkRequest, OperatorRequest


@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request: LinkRequest, selector: str, rest: str) -> HttpResponse:
    """The address that was sent: shows the page, and gives the cookies by which it is known from then on.

    A robot that has it is shown what robots are shown, and noted. Posting here asks for a fresh link when it has ended.
    """
    is_robot = robots.is_robot(request)
    link = _resolved(request, selector, rest)
    if is_robot:
        if link and link.previewed_at is None:
            links.mark_previewed(link, timezone.now())
        return access.for_robots(request)
    if link is None:
        return access.refuse(request, selector, rest)
    if request.method == "POST":
        # It has not ended after all: the same page, asked for the usual way.
        return shell.private(HttpResponseRedirect(request.path))
    access.admit(request, link)
    _mark_opened(request)
    is_leaving = "out" in request.GET and visitors.in_app(request.headers.get("User-Agent", ""))
    response = out_views.show(request) if is_leaving else _show(request)
    access.remember(request, response, link)
    return response


def _resolved(request: OperatorRequest, selector: str, rest: str) -> PaymentLink | None:
    try:
        return links.resolve(request.operator, selector, rest, timezone.now())
    except links.LinkForged:
        probing.noticed(request)
    except links.LinkUnusable:
        pass
    return None


def _mark_opened(request: LinkRequest) -> None:
    """Keep that it was opened, on what class of device, and inside which app if it was in one."""
    name = request.headers.get("User-Agent", "")
    device, app = visitors.device_of(name), visitors.in_app(name)
    links.mark_opened(request.link, timezone.now(), device=device, app=app)


@require_http_methods(["GET", "HEAD", "POST"])
@access.no_robots
@access.link_required
def link_page(request: LinkRequest) -> HttpResponse:
    """The same page at the address that says nothing: the cookie opens it."""
    if request.method == "POST":
        return shell.private(HttpResponseRedirect(request.path))
    return _show(request)


@require_http_methods(["GET", "POST"])
@access.link_required
def show_sum(request: LinkRequest) -> HttpResponse:
    """What is ticked, summed up by the server: a piece for htmx, the whole page for who has no JavaScript.

    Who comes back to this address without posting gets the page as it is.
    """
    if request.method == "GET":
        return HttpResponseRedirect(f"/p/{request.link.selector}/")
    try:
        ticked = ticks.read(request.POST)
    except ticks.NotAForm:
        return errors.bad_request(request)
    if not request.htmx:  # type: ignore[attr-defined]
        return _show(request, ticked)
    if proof.is_wanted(request, Action.OPEN):
        return HttpResponseClientRedirect(f"/p/{request.link.selector}/")
    found = checkout_page.payments_of(request.link)
    page = _page(request, found, ticked)
    if page.is_stale or _is_busy(found):
        return HttpResponseClientRedirect(page.base + ("?changed=1" if page.is_stale else ""))
    response = HttpResponse(shell.render("partials/sum.html", {"page": page, "oob": True}))
    sums = {"amount": page.sum.amount, "currency": page.sum.currency.lower()}
    return shell.private(trigger_client_event(response, "sum", sums))


def _show(request: LinkRequest, ticked: ticks.Ticks | None = None) -> HttpResponse:
    """The page that fits: proving who one is, paying, being paid elsewhere, or being paid right here."""
    if proof.is_wanted(request, Action.OPEN):
        return pin_views.ask(request, Action.OPEN)
    found = checkout_page.payments_of(request.link)
    others = payer.under_way_elsewhere(request, found)
    own = found.own_open
    if own and own.status == Payment.Status.PROCESSING and others is not own:
        response = shell.private(HttpResponseRedirect(access.status_path(own)))
        payer.remember(request, response, own)
        return response
    if others:
        return _show_elsewhere(request, others)
    page = _page(request, found, ticked)
    if page.bills and proof.is_wanted(request, Action.PAY, page.sum.amount):
        return pin_views.ask(request, Action.PAY)
    context: dict[str, Any] = {
        "page": page,
        "is_changed": page.is_stale or "changed" in request.GET,
        "app": out_views.app_name(request),
        "csrf_token": get_token(request),
        "stripe": _stripe(request),
        "has_details": proofs.offers(request.link.operator, Action.DETAILS),
        "must_prove_for_packages": page.packages and proof.is_wanted(request, Action.CONTRACT),
    }
    if page.bills:
        return shell.page(request, "pages/pay.html", kind="pay", context=context)
    return _show_empty(request, found, context)


def _show_empty(request: LinkRequest, found: LinkPayments, context: dict[str, Any]) -> HttpResponse:
    last = found.own_succeeded[-1] if found.own_succeeded else None
    own = last if last and payer.is_here(request, last) else None
    context["last"] = checkout_page.last_payment(request.link, own, get_language() or "en")
    return shell.page(request, "pages/empty.html", kind="empty", context=context)


def _show_elsewhere(request: LinkRequest, payment: Payment) -> HttpResponse:
    context = {
        "base": f"/p/{request.link.selector}/",
        "csrf_token": get_token(request),
        "can_take_over": payment.status != Payment.Status.PROCESSING,
        "is_too_late": "late" in request.GET,
    }
    return shell.page(request, "pages/elsewhere.html", kind="status", context=context)


def _page(request: LinkRequest, found: LinkPayments, ticked: ticks.Ticks | None) -> CheckoutPage:
    return checkout_page.build(
        link=request.link, found=found, language=get_language() or "en", now=timezone.now(), ticks=ticked
    )


def _is_busy(found: LinkPayments) -> bool:
    own = found.own_open
    return found.elsewhere is not None or (own is not None and own.status == Payment.Status.PROCESSING)


def _stripe(request: LinkRequest) -> dict[str, object]:
    """What the script needs to load Stripe.js, and whether that is a sandbox with a row of its own below."""
    operator = request.operator
    return {
        "js": settings.STRIPE_JS_URL,
        "key": gateways.get(operator.gateway, operator.gateway_account).publishable_key,
        "is_sandbox": not settings.STRIPE_JS_URL.startswith(shell.STRIPE),
        "script": shell.asset("js/pay.js"),
    }
