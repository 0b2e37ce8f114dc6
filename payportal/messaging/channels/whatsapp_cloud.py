"""WhatsApp by Meta's own Cloud API: templates, texts and pictures.

Facts: https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages (sending),
/reference/media (pictures), /webhooks/components (what comes back), /support/error-codes.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import httpx
from django.conf import settings
from django.utils.crypto import constant_time_compare

from payportal.messaging.accounts import WhatsAppAccount
from payportal.messaging.channels import http, wishes
from payportal.messaging.channels import whatsapp_errors as errors
from payportal.messaging.channels.base import (
    BadKeys,
    CannotTell,
    Channel,
    Credit,
    InvalidSignature,
    News,
    NotSent,
    Outgoing,
    Question,
    Receipt,
    Refused,
    Said,
    SendUnknown,
)

State = Literal["accepted", "delivered", "read", "undelivered"]

STATES: dict[str, State] = {
    "accepted": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "read",
    "failed": "undelivered",
}
# What a customer sets in WhatsApp itself, under "offers and announcements".
PREFERENCES: dict[str, Literal["stop", "start"]] = {"stop": "stop", "resume": "start"}


class WhatsAppCloud(Channel):
    """Meta's WhatsApp Cloud API.

    Without an approved template a message arrives only within a day of the customer's last. Meta keeps no reference of
    ours that could be asked for: it hands ``biz_opaque_callback_data`` back with each receipt, and that is all.
    """

    code = "whatsapp_cloud"
    medium = "whatsapp"
    reaches = "phone"

    def send(self, message: Outgoing) -> str:
        account = _account(message.account)
        picture = _upload(account, message.image) if message.image else ""
        content = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.to,
            "biz_opaque_callback_data": message.handover,
        } | _content(message, picture)
        fields = _posted(http.send(_request(account, "messages", json=content)))
        return _id(fields.get("messages"))

    def look_up(self, question: Question) -> str | None:
        raise CannotTell

    def receive(self, account: str, url: str, headers: Mapping[str, str], body: bytes) -> Sequence[News]:
        """Receipts of all numbers of the app, and what was written to this account's number."""
        keys: WhatsAppAccount = settings.WHATSAPP_ACCOUNTS[account]
        signature = {name.lower(): value for name, value in headers.items()}.get("x-hub-signature-256", "")
        mac = "sha256=" + hmac.new(keys.app_secret.encode(), body, hashlib.sha256).hexdigest()
        if not keys.app_secret or not constant_time_compare(mac, signature):
            raise InvalidSignature
        try:
            return list(_news(json.loads(body), keys.phone_number_id))
        except (TypeError, AttributeError, KeyError, RecursionError):
            raise ValueError("a body of another shape") from None

    def credit(self, account: str) -> Credit:
        """Meta tells nothing of money; asking for our number shows whether the keys are still good."""
        keys = _account(account)
        answer = _asked(httpx.Request("GET", _address(keys, "?fields=id"), headers=http.bearer(keys.access_token)))
        if not answer.is_good:
            failure = errors.failure(answer)
            raise failure if isinstance(failure, BadKeys) else SendUnknown(f"HTTP {answer.status}")
        return Credit()


def _content(message: Outgoing, picture: str) -> dict[str, Any]:
    if message.carrier_template:
        return {"type": "template", "template": _template(message, picture)}
    if picture:
        return {"type": "image", "image": {"id": picture, "caption": message.text}}
    # No preview: Meta would fetch the link to draw one.
    return {"type": "text", "text": {"preview_url": False, "body": message.text}}


def _template(message: Outgoing, picture: str) -> dict[str, Any]:
    components: list[dict[str, Any]] = []
    if picture:
        components.append({"type": "header", "parameters": [{"type": "image", "image": {"id": picture}}]})
    if message.parameters:
        words = [{"type": "text", "text": word} for word in message.parameters]
        components.append({"type": "body", "parameters": words})
    return {"name": message.carrier_template, "language": {"code": message.language}, "components": components}


def _upload(account: WhatsAppAccount, picture: bytes) -> str:
    """Give Meta the picture, and get the id by which a message names it. Whatever goes wrong, no message was sent."""
    files = {"file": ("code.jpg", picture, "image/jpeg")}
    request = _request(account, "media", data={"messaging_product": "whatsapp", "type": "image/jpeg"}, files=files)
    try:
        found = _posted(http.send(request)).get("id")
    except SendUnknown as error:
        raise NotSent(f"picture: {error}") from None
    if not isinstance(found, str) or not found:
        raise NotSent("picture: an answer that can't be read")
    return found


def _posted(answer: http.Answer) -> dict[str, Any]:
    if not answer.is_good:
        raise errors.failure(answer)
    return answer.fields()


def _asked(request: httpx.Request) -> http.Answer:
    try:
        return http.send(request)
    except NotSent as error:
        raise SendUnknown(str(error)) from None


def _news(content: Any, phone_number_id: str) -> Iterator[News]:
    for entry in content.get("entry", ()):
        for change in entry.get("changes", ()):
            value = change.get("value", {})
            for status in value.get("statuses", ()):
                yield from _receipt(status)
            # An app has one address for all its numbers, and whoever writes to another number means another operator.
            if value.get("metadata", {}).get("phone_number_id") != phone_number_id:
                continue
            for message in value.get("messages", ()):
                yield from _said(message)
            for preference in value.get("user_preferences", ()):
                if preference.get("value") in PREFERENCES and preference.get("wa_id"):
                    yield Said(f"+{preference['wa_id']}", PREFERENCES[preference["value"]])


def _receipt(status: Mapping[str, Any]) -> Iterator[Receipt]:
    state = STATES.get(str(status.get("status")))
    if state is None:
        return
    codes = [errors.number(error.get("code")) for error in status.get("errors", ())]
    code = codes[0] if codes else 0
    # Prices are not told, only whether there is one (``pricing.billable``).
    yield Receipt(
        state,
        handover=str(status.get("biz_opaque_callback_data") or ""),
        channel_reference=str(status.get("id") or ""),
        error=f"WhatsApp {code}" if state == "undelivered" else "",
        mark=errors.mark(code) if state == "undelivered" else "",
    )


def _said(message: Mapping[str, Any]) -> Iterator[Said]:
    """A text, or the label of a button that was tapped. Pictures, places and the like ask for nothing of us."""
    sender = str(message.get("from") or "")
    if not sender.isdigit():
        return
    text = message.get("text", {}).get("body") or message.get("button", {}).get("text") or ""
    yield Said(f"+{sender}", wishes.of(str(text)))


def _account(code: str) -> WhatsAppAccount:
    try:
        found: WhatsAppAccount = settings.WHATSAPP_ACCOUNTS[code]
    except KeyError:
        raise Refused(f"no WhatsApp account {code}") from None
    return found


def _address(account: WhatsAppAccount, path: str) -> str:
    joint = "" if path.startswith("?") else "/"
    base = f"{settings.WHATSAPP_API_BASE}/{settings.WHATSAPP_API_VERSION}"
    return f"{base}/{account.phone_number_id}{joint}{path}"


def _request(account: WhatsAppAccount, path: str, **content: Any) -> httpx.Request:
    return httpx.Request("POST", _address(account, path), headers=http.bearer(account.access_token), **content)


def _id(messages: Any) -> str:
    if isinstance(messages, list) and messages and isinstance(messages[0], dict):
        found = messages[0].get("id")
        if isinstance(found, str) and found.startswith("wamid."):
            return found
    raise SendUnknown("an answer that can't be read")
