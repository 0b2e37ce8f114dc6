"""Where gateways call us: the only addresses without a CSRF token, each proved by a signature instead."""

import structlog
from django.conf import settings
from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import gateway_events, waking
from billing.gateways.base import InvalidSignature
from payportal.pages import outage

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def stripe(request: HttpRequest, account: str) -> HttpResponse:
    """Keep that something happened, and answer; what it was, a task asks Stripe.

    200 means kept, so that Stripe need not send it again; 400 that it wasn't Stripe's word; 413 that it was too big to
    be; 503 that it could not be kept and must be sent again.
    """
    if _length(request) > settings.WEBHOOK_MAX_BYTES:
        return _answer(413)
    try:
        event_id = gateway_events.receive(
            gateway_code="stripe",
            account=account,
            body=request.body,
            headers=request.headers,
            now=timezone.now(),
        )
    except (InvalidSignature, ValueError, DataError):
        # DataError: what no text in the database can hold; sent again, it would be no better.
        return _answer(400)
    except KeyError:
        return _answer(404)
    except (DatabaseError, InterfaceError):
        log.exception("webhook_not_kept")
        outage.replace_dead_connections()
        return _answer(503)
    if event_id is not None:
        waking.wake("billing.process_gateway_event", event_id)
    return _answer(200)


def _length(request: HttpRequest) -> int:
    """The announced length; a body without one is read by no server of ours."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return settings.WEBHOOK_MAX_BYTES + 1


def _answer(status: int) -> HttpResponse:
    return HttpResponse(status=status, headers={"Cache-Control": "no-store"})
