"""The browser in which a payment was begun: it is sent to the payment's own page and receipt, others are not.

Those name what was bought, for which device, and the card's last digits: more than whoever holds a link may see before
they have proved to be its customer.
"""

from django.http import HttpResponse
from django.utils.crypto import constant_time_compare

from billing import links
from billing.models import Payment
from payportal.pages import access, proof
from payportal.pages.checkout_page import LinkPayments
from payportal.pages.requests import LinkRequest

COOKIE = "payer"


def is_here(request: LinkRequest, payment: Payment) -> bool:
    """Whether the payment was begun in this browser, or a proof was given in it."""
    begun = request.COOKIES.get(COOKIE, "")
    return constant_time_compare(begun, links.status_token(payment)) or proof.is_given(request)


def remember(request: LinkRequest, response: HttpResponse, payment: Payment) -> None:
    """Let this link's pages, and the payment's, know this browser again; the newest payment is kept."""
    access.remember_payment(request, response, payment)
    response.set_cookie(
        COOKIE,
        links.status_token(payment),
        path=f"/p/{request.link.selector}/",
        expires=request.link.expires_at,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def under_way_elsewhere(request: LinkRequest, found: LinkPayments) -> Payment | None:
    """Somebody else's payment that keeps this page from paying: on another link, or on this one in another browser."""
    own = found.own_open
    if own and own.status == Payment.Status.PROCESSING and not is_here(request, own):
        return own
    return found.elsewhere
