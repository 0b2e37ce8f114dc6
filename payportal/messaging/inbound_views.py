"""Where carriers post what became of messages and what customers wrote back; each post is proved by its signature."""

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from payportal.messaging import channels, receipts
from payportal.messaging.channels.base import InvalidSignature
from payportal.pages import outage

log = structlog.get_logger(__name__)

# Meta: "up to 3 MB" (Webhooks, payload size): it gathers receipts.
MAX_BYTES = 3 * 1024 * 1024
# Carriers that answer our answer with a message of their own are told to say nothing.
NOTHING_TO_SAY = "<Response/>"


@csrf_exempt
@require_http_methods(["GET", "POST"])
def inbound(request: HttpRequest, channel: str, account: str) -> HttpResponse:
    """Apply what a carrier posts.

    200 means kept, so that it need not be sent again; 403 that nobody proved to be the carrier, the same for channels
    and accounts that don't exist and for what can't be read; 413 that it was too big; 503 that it could not be kept and
    must be sent again.
    """
    if request.method == "GET":
        return _handshake(request, channel, account)
    if _length(request) > MAX_BYTES:
        return _answer(413)
    # Past Django's own, smaller limit, which is meant for forms.
    body = request.read(MAX_BYTES + 1)
    try:
        news = channels.get(channel).receive(account, _called(request), request.headers, body)
    except (InvalidSignature, KeyError, ValueError) as error:
        log.info("inbound_refused", channel=channel[:40], account=account[:40], error=type(error).__name__)
        return _answer(403)
    try:
        receipts.take(channel, account, news, timezone.now())
    except (DatabaseError, InterfaceError):
        log.exception("inbound_not_kept", channel=channel, account=account)
        outage.replace_dead_connections()
        return _answer(503)
    greeting = channels.get(channel).greeting(body)
    return JsonResponse(greeting, headers={"Cache-Control": "no-store"}) if greeting else _answer(200)


def _handshake(request: HttpRequest, channel: str, account: str) -> HttpResponse:
    """Meta asks once whether the address is ours: it sends the words that we agreed on, and wants its own back.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    try:
        agreed = settings.WHATSAPP_ACCOUNTS[account].verify_token if channel == "whatsapp_cloud" else ""
    except KeyError:
        agreed = ""
    is_meta = constant_time_compare(request.GET.get("hub.verify_token", ""), agreed) and bool(agreed)
    if not is_meta or request.GET.get("hub.mode") != "subscribe":
        return _answer(403)
    answer = _answer(200)
    answer["Content-Type"] = "text/plain; charset=utf-8"
    answer.content = request.GET.get("hub.challenge", "")[:100].encode()
    return answer


def _called(request: HttpRequest) -> str:
    """The address as the carrier called it, which its signature may cover. The scheme is the public one."""
    return f"{settings.PUBLIC_SCHEME}://{request.get_host()}{request.get_full_path()}"


def _length(request: HttpRequest) -> int:
    """The announced length; a body without one is read by no server of ours."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return MAX_BYTES + 1


def _answer(status: int) -> HttpResponse:
    content = NOTHING_TO_SAY if status == 200 else ""
    return HttpResponse(content, status=status, content_type="text/xml", headers={"Cache-Control": "no-store"})
