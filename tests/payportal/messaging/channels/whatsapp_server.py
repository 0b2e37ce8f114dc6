"""Meta's WhatsApp Cloud API as its documentation describes it: messages, media, signed webhooks."""

import hashlib
import hmac
import json
from typing import Any

from payportal.messaging.accounts import WhatsAppAccount
from tests.payportal.messaging.channels.far_sides import (
    CALLBACK,
    HANDOVER,
    PHONE,
    Asked,
    CarrierServer,
    Posted,
    Reply,
    State,
)

NUMBER = "106540352242922"
TOKEN = "EAA-a-made-up-token"
SECRET = "a-made-up-app-secret"
STATUSES = {"accepted": "sent", "delivered": "delivered", "read": "read", "undelivered": "failed"}
KEYS = WhatsAppAccount(NUMBER, TOKEN, SECRET, "made-up-words")


class WhatsAppServer(CarrierServer):
    """One number of one app."""

    def __init__(self, code: str, settings: Any) -> None:
        super().__init__(code, settings)
        self.messages: list[dict[str, Any]] = []
        self.pictures: dict[str, bytes] = {}
        self.refused_with = 0

    def arrived(self) -> list[str]:
        return [text_of(message) for message in self.messages]

    def use(self, base: str) -> None:
        self.settings.WHATSAPP_API_BASE = base
        self.settings.WHATSAPP_ACCOUNTS = {"default": KEYS}

    def lose_keys(self) -> None:
        self.settings.WHATSAPP_ACCOUNTS = {"default": WhatsAppAccount(NUMBER, "another", "another", "another")}

    def drop_webhook_keys(self) -> None:
        self.settings.WHATSAPP_ACCOUNTS = {"default": WhatsAppAccount(NUMBER, TOKEN, "", "")}

    def error(self, status: int) -> Any:
        return problem({401: 190, 403: 10, 429: 130429}.get(status, 131000))

    def refuse_number(self) -> None:
        self.refused_with = 131026

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply(401, problem(190))
        place = asked.path.removeprefix(f"/{self.settings.WHATSAPP_API_VERSION}/{NUMBER}")
        if (asked.method, place) == ("POST", "/messages"):
            return self.take(asked.json)
        if (asked.method, place) == ("POST", "/media"):
            return self.keep(asked)
        if (asked.method, place) == ("GET", ""):
            return Reply(200, {"id": NUMBER})
        return Reply(400, problem(100))

    def take(self, message: dict[str, Any]) -> Reply:
        kind = message.get("type")
        is_whole = message.get("messaging_product") == "whatsapp" and kind in message and message.get("to")
        if self.refused_with or not is_whole:
            return Reply(400, problem(self.refused_with or 100))
        picture = (message.get("image") or {}).get("id")
        if picture and picture not in self.pictures:
            return Reply(400, problem(131053))
        self.messages.append(message)
        wamid = f"wamid.made-up-{len(self.messages)}"
        contacts = [{"input": message["to"], "wa_id": message["to"].lstrip("+")}]
        return Reply(200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": wamid}]})

    def keep(self, asked: Asked) -> Reply:
        if b'name="messaging_product"' not in asked.body or b"Content-Type: image/jpeg" not in asked.body:
            return Reply(400, problem(100))
        number = f"{len(self.pictures) + 1:015d}"
        self.pictures[number] = asked.body
        return Reply(200, {"id": number})

    def receipt(self, state: State) -> Posted:
        status: dict[str, Any] = {
            "id": "known",
            "status": STATUSES[state],
            "timestamp": "1698266945",
            "recipient_id": PHONE[1:],
            "biz_opaque_callback_data": HANDOVER,
        }
        if state == "undelivered":
            status["errors"] = [{"code": 131026, "title": "Message undeliverable", "message": f"To {PHONE}"}]
        return self.posted({"statuses": [status]})

    def said(self, text: str) -> Posted:
        message = {"from": PHONE[1:], "id": "wamid.in", "timestamp": "1", "type": "text", "text": {"body": text}}
        return self.posted({"messages": [message]})

    def posted(self, value: dict[str, Any], number: str = NUMBER) -> Posted:
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "447700900001", "phone_number_id": number},
            **value,
        }
        changes = [{"value": value, "field": "messages"}]
        return signed({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]})


def signed(content: Any) -> Posted:
    """As Meta signs it: HMAC-SHA256 of the raw body with the app's secret."""
    body = json.dumps(content).encode()
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={mac}"}
    return Posted(f"{CALLBACK}/whatsapp_cloud/default", headers, body)


def text_of(message: dict[str, Any]) -> str:
    """What the customer reads of a message."""
    if message["type"] == "template":
        parts = [part for each in message["template"]["components"] for part in each["parameters"]]
        return " ".join(part["text"] for part in parts if part["type"] == "text")
    content = message[message["type"]]
    return str(content.get("body") or content.get("caption") or "")


def problem(code: int) -> dict[str, Any]:
    """The words of an error repeat the number, as they may."""
    return {"error": {"message": f"(#{code}) about {PHONE}", "type": "OAuthException", "code": code, "fbtrace_id": "x"}}
