"""Which language a page speaks, among those of its operator.

What was asked for by ``?lang=`` (kept in a cookie), else what the browser asks for, else what the link's customer is
known to speak, else the operator's first language.
"""

from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from payportal.pages.requests import operator_of

COOKIE = "lang"
COOKIE_SECONDS = 365 * 24 * 3600
PARAMETER = "lang"
RIGHT_TO_LEFT = {"ar", "he", "fa", "ur"}


class OperatorLocaleMiddleware:
    """Speaks a language of the operator's for the time of a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        spoken = _spoken(request)
        chosen = asked_for(request, spoken)
        language = chosen or spoken[0]
        with translation.override(language):
            response = self.get_response(request)
        patch_vary_headers(response, ("Accept-Language",))
        if request.GET.get(PARAMETER) in spoken:
            response.set_cookie(
                COOKIE, language, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure()
            )
        return response


def asked_for(request: HttpRequest, spoken: Sequence[str]) -> str | None:
    """The language that the visitor asked for, if the operator speaks it."""
    for wish in (request.GET.get(PARAMETER), request.COOKIES.get(COOKIE)):
        if wish in spoken:
            return wish
    for tag, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        found = match(tag, spoken)
        if found:
            return found
    return None


def match(tag: str, spoken: Sequence[str]) -> str | None:
    """The spoken language that serves a browser's tag: ``en-GB`` is ``en``, and ``no`` and ``nn`` are ``nb``."""
    base = tag.split("-")[0]
    for wish in (tag, base, "nb" if base in ("no", "nn") else base):
        if wish in spoken:
            return wish
    return None


def prefer(request: HttpRequest, known: str) -> None:
    """Speak the language a customer is known to speak, unless the visitor asked for one."""
    spoken = _spoken(request)
    if known in spoken and asked_for(request, spoken) is None:
        translation.activate(known)


def _spoken(request: HttpRequest) -> Sequence[str]:
    operator = operator_of(request)
    ours = [code for code, _name in settings.LANGUAGES]
    return [code for code in operator.languages if code in ours] or ours if operator else ours
