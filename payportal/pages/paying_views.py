"""Paying on a link's page: what the script asks before it pays, and when it does."""

from collections.abc import Mapping

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from activation import checkout
from activation.ordering import NotOnOffer
from billing import links, payments
from billing.gateways.base import GatewayError, GatewayUnknown
from billing.models import Payment
from billing.proofs import Action
from payportal.pages import access, asking, checkout_page, errors, payer, proof, shell, ticks
from payportal.pages.checkout_page import LinkPayments
from payportal.pages.requests import LinkRequest

# How Stripe.js calls them, and our codes (``availablePaymentMethods`` of the Express Checkout Element).
WALLETS = {"applePay": "apple_pay", "googlePay": "google_pay", "link": "link"}


@require_GET
def state(request: LinkRequest, selector: str) -> JsonResponse:
    """How things stand, asked by the script before paying is possible: on load, on coming back, after silence.

    ``known``: the cookie opens the link. ``go``: where to go instead of paying here. The script sends what its page
    shows (``v``: what is owed, ``paid``: how often this link paid); a page kept from earlier is sent to what is true.
    """
    link = access.by_cookie(request, selector)
    if link is None:
        return _json({"known": False, "go": None})
    request.link = link
    if proof.is_wanted(request, Action.OPEN):
        # A payment's own page names what was bought: until the PIN was typed this says no more than the page does.
        return _json({"known": True, "go": f"/p/{link.selector}/"})
    found = checkout_page.payments_of(link)
    if found.own_open:
        asking.ask(found.own_open, timezone.now())
        found = checkout_page.payments_of(link)
    version = checkout_page.version(checkout_page.owed(link))
    answer = {"known": True, "version": version}
    payment = _to_be_shown(request, found)
    if payment:
        return _to_payment(request, payment, answer)
    return _json({**answer, "go": _where(request, found, version)})


def _to_be_shown(request: LinkRequest, found: LinkPayments) -> Payment | None:
    """A payment of this link that a page which doesn't know of it must go to."""
    own = found.own_open
    if own and own.status == Payment.Status.PROCESSING:
        return own
    if found.own_succeeded and request.GET.get("paid") != str(len(found.own_succeeded)):
        return found.own_succeeded[-1]
    return None


def _where(request: LinkRequest, found: LinkPayments, version: int) -> str | None:
    """Where a page that shows something else than the truth must go; None when it may stay."""
    base = f"/p/{request.link.selector}/"
    if found.elsewhere:
        return base
    return f"{base}?changed=1" if request.GET.get("v", str(version)) != str(version) else None


@require_POST
@access.link_required
def pay(request: LinkRequest) -> HttpResponse:
    """Start paying what is ticked and give the browser a client secret.

    What is charged is what the database says it costs now; the form's sum is what the customer saw, and if the two
    differ nothing is written and the page shows the new sum.
    """
    try:
        ticked = ticks.read(request.POST)
    except ticks.NotAForm:
        ticked = None
    if ticked is None or ticked.amount_shown is None:
        return errors.words(request, status=400, title=_("That didn’t work"), text=_("Nothing has been paid."))
    action = _asks_for_proof(request, ticked, ticked.amount_shown)
    if action:
        return _json({"go": proof.page_for(request.link, action)}, status=409)
    return _start(request, ticked, ticked.amount_shown)


def _asks_for_proof(request: LinkRequest, ticked: ticks.Ticks, amount: int) -> Action | None:
    """What of this payment needs a PIN that wasn't given; a sum that isn't true is refused later anyhow."""
    for action in (Action.OPEN, Action.PAY, *([Action.CONTRACT] if ticked.packages else [])):
        if proof.is_wanted(request, action, amount):
            return action
    return None


def _start(request: LinkRequest, ticked: ticks.Ticks, amount_shown: int) -> JsonResponse:
    base = f"/p/{request.link.selector}/"
    now = timezone.now()
    try:
        payment = checkout.start(
            link=request.link,
            bill_ids=sorted(ticked.bills),
            package_ids=sorted(ticked.packages),
            amount_shown=amount_shown,
            now=now,
        )
        payment.operator = request.operator
        opened = payments.open_at_gateway(payment.pk, timezone.now())
    except payments.LinkEnded:
        # It ended under the payer's thumb; loaded anew, the page says so.
        return _json({"go": base}, status=409)
    except (payments.AmountChanged, payments.NothingDue, NotOnOffer):
        return _json({"go": f"{base}?changed=1"}, status=409)
    except (payments.PaymentInProgress, payments.PaymentGone) as stopped:
        stopped.payment.operator = request.operator
        return _to_payment(request, stopped.payment, {}, status=409)
    except payments.BillsTaken:
        return _json({"go": base}, status=409)
    except GatewayUnknown:
        return _json({"note": "silence"}, status=503)
    except GatewayError:
        # It will say no to this sum again: trying once more is no next step.
        return _json({"note": "refusal"}, status=422)
    address = request.build_absolute_uri(access.status_path(payment))
    response = _json({"client_secret": opened.client_secret, "return_url": address})
    payer.remember(request, response, payment)
    return response


@require_POST
@access.link_required
def seen(request: LinkRequest) -> HttpResponse:
    """Keep that the page showed a wallet, once for a link and its payment; the script says which ones."""
    wallets = sorted(WALLETS[name] for name in set(request.POST.getlist("wallet")) & set(WALLETS))
    if wallets:
        payment = payments.open_for_link(request.link)
        links.note_once(request.link, "wallet_shown", timezone.now(), payment, detail=" ".join(wallets))
    return shell.private(HttpResponse(status=204))


@require_POST
@access.link_required
def take_over(request: LinkRequest) -> HttpResponse:
    """Pay here instead: possible once the gateway has confirmed that the other payment can't be paid any more."""
    base = f"/p/{request.link.selector}/"
    other = payments.blocking(request.link)
    if other is None or proof.is_wanted(request, Action.OPEN):
        return shell.private(HttpResponseRedirect(base))
    try:
        done = payments.take_over(other.pk, actor=f"customer:{request.link.pk}", now=timezone.now())
    except (GatewayUnknown, GatewayError):
        done = False
    return shell.private(HttpResponseRedirect(base if done else f"{base}?late=1"))


@require_GET
@access.link_required
def waiting(request: LinkRequest) -> HttpResponse:
    """Whether somebody else's payment still goes on: 204 while it does, then the way back to the page."""
    found = checkout_page.payments_of(request.link)
    others = payer.under_way_elsewhere(request, found)
    if others:
        asking.ask(others, timezone.now())
        return shell.private(HttpResponse(status=204))
    response = HttpResponse()
    response["HX-Redirect"] = f"/p/{request.link.selector}/"
    return shell.private(response)


def _to_payment(
    request: LinkRequest, payment: Payment, answer: Mapping[str, object], status: int = 200
) -> JsonResponse:
    """To the payment's own page where it was begun; anywhere else to the link's, which says as much as it may."""
    if not payer.is_here(request, payment):
        return _json({**answer, "go": f"/p/{request.link.selector}/"}, status)
    response = _json({**answer, "go": access.status_path(payment)}, status)
    payer.remember(request, response, payment)
    return response


def _json(answer: Mapping[str, object], status: int = 200) -> JsonResponse:
    response = JsonResponse(dict(answer), status=status)
    shell.private(response)
    return response
