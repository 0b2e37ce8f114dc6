"""Who may see a link's pages: whoever has its address once, and then whoever holds its cookie."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import links
from billing.models import Payment, PaymentLink
from payportal.pages import errors, language, robots, shell
from payportal.pages.requests import LinkRequest, OperatorRequest

COOKIE = "link"
BEGAN = "began"
LinkView = Callable[..., HttpResponse]


def no_robots(view: LinkView) -> LinkView:
    """Shows robots whose page it is and nothing else: no query, no cookie, whatever they asked for."""

    @wraps(view)
    def seen(request: OperatorRequest, *args: str, **kwargs: str) -> HttpResponse:
        if robots.is_robot(request):
            return shell.page(request, "pages/robot.html", kind="plain", context={})
        return view(request, *args, **kwargs)

    return seen


def link_required(view: LinkView) -> LinkView:
    """Puts the link of the address's selector and the visitor's cookie on the request, or tells them nothing."""

    @wraps(view)
    def guarded(request: LinkRequest, selector: str, *args: str, **kwargs: str) -> HttpResponse:
        link = by_cookie(request, selector)
        if link is None:
            missing = request.method == "POST" and COOKIE not in request.COOKIES
            return errors.cookies_needed(request) if missing else errors.gone(request)
        admit(request, link)
        return view(request, *args, **kwargs)

    return guarded


def by_cookie(request: OperatorRequest, selector: str) -> PaymentLink | None:
    """The link that the visitor's cookie opens; None without one, or when it opens nothing (any more)."""
    try:
        return links.by_cookie(request.operator, selector, request.COOKIES.get(COOKIE, ""), timezone.now())
    except links.LinkUnusable:
        return None


def admit(request: LinkRequest, link: PaymentLink) -> None:
    """Put the link on the request, and speak its customer's language unless another was asked for."""
    request.link = link
    language.prefer(request, link.customer.language)


def remember(request: HttpRequest, response: HttpResponse, link: PaymentLink) -> None:
    """Give the visitor the link's cookie: for this link's pages alone, out of scripts' reach, ending with the link."""
    response.set_cookie(
        COOKIE,
        links.cookie_value(link),
        path=f"/p/{link.selector}/",
        expires=link.expires_at,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def status_path(payment: Payment) -> str:
    """The address of a payment's status page."""
    return f"/s/{links.status_token(payment)}"


def remember_payment(request: LinkRequest, response: HttpResponse, payment: Payment) -> None:
    """Let the payment's status page know this browser again, in which the link's own cookie opens the way back.

    That cookie isn't sent to the status page, and banks return to browsers that don't have it.
    """
    response.set_cookie(
        BEGAN,
        "1",
        path=status_path(payment),
        expires=request.link.expires_at,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def way_back(request: HttpRequest, payment: Payment) -> str:
    """The payment page, for the browser in which it was opened; nothing for any other."""
    return f"/p/{payment.link.selector}/" if BEGAN in request.COOKIES else ""
