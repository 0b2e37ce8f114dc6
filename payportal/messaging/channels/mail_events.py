"""What mail services post about the mails they sent, read by django-anymail's own views."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest

from payportal.messaging.channels.base import InvalidSignature, News, Receipt, Said

SERVICES = "anymail.backends."
# What anymail's views meet in a body of another shape than they expect.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
STATES = {
    EventType.QUEUED: "accepted",
    EventType.SENT: "accepted",
    EventType.DELIVERED: "delivered",
    EventType.OPENED: "read",
    EventType.CLICKED: "read",
    EventType.BOUNCED: "undelivered",
    EventType.REJECTED: "undelivered",
    EventType.FAILED: "undelivered",
}
MARKS = {
    RejectReason.INVALID: "unreachable",
    RejectReason.BOUNCED: "unreachable",
    RejectReason.SPAM: "opted_out",
    RejectReason.UNSUBSCRIBED: "opted_out",
}
# A complaint is a wish as well, and comes after the mail was delivered.
WISHES = {EventType.COMPLAINED: "stop", EventType.UNSUBSCRIBED: "stop", EventType.SUBSCRIBED: "start"}


def received(backend: str, url: str, headers: Mapping[str, str], body: bytes) -> Sequence[News]:
    """The news in a post of the service whose backend sends our mail.

    Services prove themselves by a signature of theirs or by WEBHOOK_SECRET (``user:password``) in the address that
    they were given. Raises InvalidSignature where neither is set, and ValueError for what can't be read.
    """
    view_class = _view_class(backend)
    if view_class is None:
        raise InvalidSignature
    try:
        view = view_class()
    except ImproperlyConfigured:
        raise InvalidSignature from None
    if view.warn_if_no_basic_auth and not view.basic_auth:
        raise InvalidSignature
    request = _request(url, headers, body)
    try:
        view.run_validators(request)
    except (AnymailWebhookValidationFailure, ImproperlyConfigured, *UNREADABLE):
        raise InvalidSignature from None
    try:
        events = view.parse_events(request)
    except (ImproperlyConfigured, *UNREADABLE):
        # Rightly signed, but not what anymail expects; the error's own words may name the person.
        raise ValueError("an event that can't be read") from None
    return [news for event in events for news in _news(event)]


def _view_class(backend: str) -> Any:
    """The view for a service's tracking events; None for a plain mail server."""
    if not backend.startswith(SERVICES):
        return None
    name = backend.removeprefix(SERVICES).partition(".")[0]
    try:
        module = import_module(f"anymail.webhooks.{name}")
    except ImportError:
        return None
    for found in vars(module).values():
        is_view = isinstance(found, type) and found.__module__ == module.__name__
        if is_view and (getattr(found, "signal", None) is tracking or found.__name__.endswith("CombinedWebhookView")):
            return found
    return None


def _news(event: AnymailTrackingEvent) -> Sequence[News]:
    kind, reason = event.event_type, getattr(event, "reject_reason", None)
    if kind in WISHES and event.recipient:
        return (Said(event.recipient.lower(), WISHES[kind]),)  # type: ignore[arg-type]
    if kind not in STATES:
        return ()
    is_lost = STATES[kind] == "undelivered"
    return (
        Receipt(
            STATES[kind],  # type: ignore[arg-type]
            handover=str((event.metadata or {}).get("handover", "")),
            channel_reference=str(event.message_id or ""),
            error=f"{kind}: {reason or 'no reason'}" if is_lost else "",
            mark=MARKS.get(reason, "") if is_lost else "",  # type: ignore[arg-type]
        ),
    )


def _request(url: str, headers: Mapping[str, str], body: bytes) -> WSGIRequest:
    """The post as Django's views know it: anymail's ask for nothing else."""
    parts = urlsplit(url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "wsgi.url_scheme": parts.scheme,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "PATH_INFO": unquote(parts.path),
        "QUERY_STRING": parts.query,
        "wsgi.input": BytesIO(body),
    }
    for name, value in headers.items():
        plain = name.upper().replace("-", "_")
        environ[plain if plain == "CONTENT_TYPE" else f"HTTP_{plain}"] = value
    return WSGIRequest(environ | {"CONTENT_LENGTH": str(len(body)), "HTTP_HOST": parts.netloc})
