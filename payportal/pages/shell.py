"""What every page for people has in common: its frame, its style sheet, and the headers that keep it private."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template import loader
from django.templatetags.static import static
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString

from payportal.pages import brand, sheets, zipped
from payportal.pages.language import RIGHT_TO_LEFT
from payportal.pages.requests import operator_of

STRIPE = "https://js.stripe.com"
# What Stripe.js needs of a page that includes it (docs.stripe.com/security/guide, "Content security policy").
STRIPE_SOURCES = {
    "script-src": (STRIPE, "https://*.js.stripe.com"),
    "connect-src": ("https://api.stripe.com",),
    "frame-src": (STRIPE, "https://*.js.stripe.com", "https://hooks.stripe.com"),
}
# Stands where a request's own token goes; no text of ours has it.
_PLACE = "{csrf-token}"
# As GZipMiddleware asks.
_TAKES_GZIP = re.compile(r"\bgzip\b")


@dataclass(frozen=True, slots=True)
class Frame:
    """What the base template shows around a page."""

    language: str
    is_rtl: bool
    sheet: SafeString
    brand: brand.Brand | None
    htmx: str
    languages: tuple[tuple[str, str], ...]


def page(
    request: HttpRequest,
    template: str,
    *,
    kind: str,
    context: Mapping[str, Any],
    status: int = 200,
) -> HttpResponse:
    """A whole page. Its content security policy admits its own sheet and its operator's colours, and no other style."""
    frame = _frame(request, kind)
    return _answer(render(template, {**context, "frame": frame}), frame, kind=kind, status=status)


def page_for_all(request: HttpRequest, template: str, *, kind: str, status: int) -> HttpResponse:
    """A page that is the same for everybody but for its form's CSRF token: rendered and compressed once for each frame.

    What a stranger can make as often as they like must cost little.
    """
    frame = _frame(request, kind)
    kept, token = _kept(template, frame), get_token(request).encode()
    if not _TAKES_GZIP.search(request.headers.get("Accept-Encoding", "")):
        return _answer(kept.plain(token), frame, kind=kind, status=status)
    response = _answer(kept.gzip(token), frame, kind=kind, status=status)
    # GZipMiddleware lets it pass.
    response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ("Accept-Encoding",))
    return response


@lru_cache(maxsize=256)
def _kept(template: str, frame: Frame) -> zipped.Page:
    return zipped.page(render(template, {"frame": frame, "csrf_token": _PLACE}), _PLACE)


def _answer(body: str | bytes, frame: Frame, *, kind: str, status: int) -> HttpResponse:
    response = HttpResponse(body, status=status)
    hashes = [sheets.of_kind(kind).css_hash]
    if frame.brand:
        hashes.append(frame.brand.css_hash)
    policy: dict[str, list[str]] = {"style-src": hashes}
    if kind in ("pay", "empty"):
        for directive, sources in _pay_sources(settings.STRIPE_JS_URL).items():
            policy[directive] = [*(["'self'"] if directive != "frame-src" else []), *sources]
        # A bank's or a wallet's window needs to find the page that opened it.
        response["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    response._csp_replace = policy  # type: ignore[attr-defined]
    return private(response)


def render(template: str, context: Mapping[str, Any]) -> str:
    """A template without context processors: a customer's page has no session, no user and no messages."""
    return loader.get_template(template).render(dict(context))


def private(response: HttpResponse) -> HttpResponse:
    """Kept by no cache, listed by no search engine; its address is told to nobody else."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


@cache
def asset(path: str) -> str:
    """The address of a static file, named by its content where that is cached for good."""
    return static(path)


@cache
def _pay_sources(stripe_js_url: str) -> Mapping[str, tuple[str, ...]]:
    """Where a paying page may load from: Stripe's hosts, or the one stand-in's origin, never both."""
    parts = urlsplit(stripe_js_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin == STRIPE:
        return STRIPE_SOURCES
    if parts.netloc.startswith("["):
        # A policy can't name an IPv6 address (CSP level 3, host-source): any host, at the stand-in's port.
        origin = f"{parts.scheme}://*:{parts.port}"
    return dict.fromkeys(STRIPE_SOURCES, (origin,))


def _frame(request: HttpRequest, kind: str) -> Frame:
    operator = operator_of(request)
    language = translation.get_language() or settings.LANGUAGE_CODE
    spoken = tuple(operator.languages) if operator else ()
    return Frame(
        language=language,
        is_rtl=language in RIGHT_TO_LEFT,
        sheet=sheets.of_kind(kind).css,
        brand=brand.of(operator) if operator else None,
        htmx=asset("django_htmx/htmx-2.min.js"),
        languages=tuple((code, name) for code, name in settings.LANGUAGES if code in spoken and code != language),
    )
