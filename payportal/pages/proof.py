"""Whether the visitor has proved to be the link's customer, and what a page does when a proof is asked for."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import proofs
from billing.models import PaymentLink
from billing.proofs import Action
from payportal.pages.requests import LinkRequest

COOKIE = "proof"


def is_given(request: LinkRequest) -> bool:
    """Whether this browser holds the link's proof."""
    return proofs.holds(request.link, request.COOKIES.get(COOKIE, ""), timezone.now())


def is_wanted(request: LinkRequest, action: Action, amount: int = 0) -> bool:
    """Whether a PIN must be typed before this; ``amount`` in minor units."""
    return proofs.required(request.link, action, amount) and not is_given(request)


def remember(request: HttpRequest, response: HttpResponse, link: PaymentLink) -> None:
    """Give the visitor the proof: for this link's pages alone, out of scripts' reach, ending with the link."""
    response.set_cookie(
        COOKIE,
        proofs.token(link),
        path=f"/p/{link.selector}/",
        expires=link.expires_at,
        secure=request.is_secure(),
        httponly=True,
        samesite="Strict",
    )


def page_for(link: PaymentLink, action: str) -> str:
    """Where the PIN is typed that this asks for."""
    return f"/p/{link.selector}/pin?for={action}"
