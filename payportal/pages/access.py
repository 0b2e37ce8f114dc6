"""Who may see a link's pages: whoever has its address once, and then whoever holds its cookie."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import links
from billing.models import Payment, PaymentLink
from payportal import probing
from payportal.pages import errors, fresh, language, robots, shell
from payportal.pages.requests import LinkRequest, OperatorRequest

COOKIE = "link"
# Opens nothing, and says whose link it was when that has ended.
AGAIN = "again"
BEGAN = "began"
LinkView = Callable[..., HttpResponse]


def no_robots(view: LinkView) -> LinkView:
    """Shows robots whose page it is and nothing else: no query, no cookie, whatever they asked for."""

    @wraps(view)
    def seen(request: OperatorRequest, *args: str, **kwargs: str) -> HttpResponse:
        if robots.is_robot(request):
            return for_robots(request)
        return view(request, *args, **kwargs)

    return seen


def for_robots(request: OperatorRequest) -> HttpResponse:
    """The one page for all robots, whatever their address would open."""
    return shell.page(request, "pages/robot.html", kind="plain", context={})


def link_required(view: LinkView) -> LinkView:
    """Puts the link of the address's selector and the visitor's cookie on the request, or tells them nothing."""

    @wraps(view)
    def guarded(request: LinkRequest, selector: str, *args: str, **kwargs: str) -> HttpResponse:
        link = by_cookie(request, selector)
        if link is None:
            if request.method == "POST" and not _keeps_cookies(request) and not fresh.is_asked_for(request):
                return errors.cookies_needed(request)
            return refuse(request, selector, request.COOKIES.get(COOKIE, ""))
        admit(request, link)
        return view(request, *args, **kwargs)

    return guarded


def _keeps_cookies(request: HttpRequest) -> bool:
    """Whether this browser has one of the link's cookies: the first is dropped when the link ends, the second stays."""
    return COOKIE in request.COOKIES or AGAIN in request.COOKIES


def refuse(request: OperatorRequest, selector: str = "", rest: str = "") -> HttpResponse:
    """What opens nothing: one page for all, whose button posts to the same address and asks for a fresh link."""
    if request.method == "POST" and fresh.is_asked_for(request):
        link = links.holder(request.operator, selector, rest, request.COOKIES.get(AGAIN, ""), timezone.now())
        return fresh.answer(request, link)
    return errors.gone(request)


def by_cookie(request: OperatorRequest, selector: str) -> PaymentLink | None:
    """The link that the visitor's cookie opens; None without one, or when it opens nothing (any more)."""
    try:
        return links.by_cookie(request.operator, selector, request.COOKIES.get(COOKIE, ""), timezone.now())
    except links.LinkForged:
        if COOKIE in request.COOKIES:
            probing.noticed(request)
        return None
    except links.LinkUnusable:
        return None


def admit(request: LinkRequest, link: PaymentLink) -> None:
    """Put the link on the request, and speak its customer's language unless another was asked for."""
    request.link = link
    language.prefer(request, link.customer.language)


def remember(request: HttpRequest, response: HttpResponse, link: PaymentLink) -> None:
    """Give the visitor the link's cookies: for this link's pages alone, out of scripts' reach.

    The first opens them and ends with the link; the second opens nothing and is there when they ask for a fresh one.
    """
    for name, value, ends_at in (
        (COOKIE, links.cookie_value(link), link.expires_at),
        (AGAIN, links.again_value(link), link.expires_at + links.AGAIN_FOR),
    ):
        response.set_cookie(
            name,
            value,
            path=f"/p/{link.selector}/",
            expires=ends_at,
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
