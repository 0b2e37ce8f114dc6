"""``/verify``: what we know of the code in a message. It never says that a message is genuine: codes can be copied."""

from typing import Any

import structlog
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from billing import links
from payportal import limits, probing, visitors
from payportal.messaging import codes
from payportal.pages import access, errors, shell, wording
from payportal.pages.requests import OperatorRequest

log = structlog.get_logger(__name__)

# So many from one address in so many seconds: a shared one too has its share, and guessing needs thousands of years.
LIMIT = (60, 600)


@require_http_methods(["GET", "HEAD", "POST"])
@access.no_robots
def verify(request: OperatorRequest) -> HttpResponse:
    """A form for a code; posted, on which day we sent it and how the number ended. Unknown and misread are one answer.

    Closed while Valkey can't count.
    """
    if request.method != "POST":
        return _page(request, {})
    try:
        if not limits.allow("verify", visitors.address_of(request), per=LIMIT):
            return errors.words(
                request,
                status=429,
                title=_("That was a lot of codes"),
                text=_("Please wait a few minutes, then try again. Or call us and read us the message."),
                call=True,
            )
    except limits.LimitsDown:
        log.warning("verify_closed")
        return errors.words(
            request,
            status=503,
            title=_("We can’t look up codes just now"),
            text=_("Please try again in a few minutes. Or call us and read us the message."),
            call=True,
        )
    return _page(request, _found(request, request.POST.get("code", "")))


def _found(request: OperatorRequest, typed: str) -> dict[str, Any]:
    code = codes.read(typed, request.operator)
    sent = codes.sent(request.operator, code) if code else None
    if sent is None:
        # Misread ones too: one path, and a person misreads a few.
        probing.noticed(request)
        return {"is_unknown": True}
    on, digits = sent
    today = wording.local_day(timezone.now(), request.operator.time_zone)
    return {"day": wording.day(on, get_language() or "en", near=today.year), "digits": digits}


def _page(request: OperatorRequest, found: dict[str, Any]) -> HttpResponse:
    context = {**found, "origin": f"{links.origin(request.operator)}/", "csrf_token": get_token(request)}
    return shell.page(request, "pages/verify.html", kind="pin", context=context)
