"""Exotel as its documentation describes it: SMS by form, WhatsApp by JSON, whose posts may be signed."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

from payportal.messaging import segments
from payportal.messaging.accounts import ExotelAccount
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

SID, KEY, TOKEN, SECRET = "madeup1", "a-made-up-key", "a-made-up-token", "a-made-up-secret"
SENDER = "BRISVK"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class ExotelServer(CarrierServer):
    """What both of its services share."""

    signs_body: ClassVar[bool] = False
    signature_secret: ClassVar[str] = ""

    def __init__(self, code: str, settings: Any) -> None:
        super().__init__(code, settings)
        self.messages: list[dict[str, Any]] = []
        self.details: dict[str, dict[str, Any]] = {}
        self.refuses = False
        self.entity = ""

    def use(self, base: str) -> None:
        self.settings.EXOTEL_API_BASE = base
        self.settings.EXOTEL_ACCOUNTS = {"default": self.account(TOKEN, SECRET)}

    def lose_keys(self) -> None:
        self.settings.EXOTEL_ACCOUNTS = {"default": self.account("another", "another")}

    def drop_webhook_keys(self) -> None:
        self.settings.EXOTEL_ACCOUNTS = {"default": self.account(TOKEN, "")}

    def account(self, token: str, secret: str) -> ExotelAccount:
        return ExotelAccount(SID, KEY, token, secret, SENDER, "447700900001", self.entity, self.signature_secret)

    def error(self, status: int) -> Any:
        return {"RestException": {"Status": status, "Message": f"Something about {PHONE}"}}

    def refuse_number(self) -> None:
        self.refuses = True

    def answer(self, asked: Asked) -> Reply:
        expected = "Basic " + base64.b64encode(f"{KEY}:{TOKEN}".encode()).decode()
        if asked.headers.get("Authorization") != expected:
            return Reply(401, self.error(401))
        if (asked.method, asked.path) == ("GET", f"/v1/Accounts/{SID}/Balance.json"):
            return Reply(200, {"Account": {"Sid": SID, "Balance": "12.5", "Currency": "INR"}})
        return self.take(asked) if asked.method == "POST" else self.show(asked)

    def show(self, asked: Asked) -> Reply:
        return Reply(404, self.error(404))

    def take(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def url(self) -> str:
        return f"{CALLBACK}/{self.code}/default?{urlencode({'t': SECRET})}"


class ExotelSmsServer(ExotelServer):
    """``/v1/Accounts/SID/Sms/send.json``.

    What goes as ``plain`` must be in the alphabet of GSM-7 (docs/sms-support/unicode-sms); which letters of it beyond
    ASCII an account takes no page says, so ``knows_ascii_alone`` plays a strict one (docs/sms-support/sms-api-errors).
    """

    states = ("accepted", "delivered", "undelivered")
    knows_ascii_alone = False

    def arrived(self) -> list[str]:
        return [message["Body"] for message in self.messages]

    def take(self, asked: Asked) -> Reply:
        form = asked.form
        if asked.path != f"/v1/Accounts/{SID}/Sms/send.json":
            return Reply(404, self.error(404))
        if self.refuses:
            refusal = {"RestException": {"Status": 400, "Message": f"Invalid Recipient [{PHONE}]"}}
            return Reply(400, refusal)
        if not (form.get("From") and form.get("To") and form.get("Body")) or len(form["Body"]) > 2000:
            return Reply(400, {"RestException": {"Status": 400, "Message": "Invalid Parameters"}})
        is_plain = form["Body"].isascii() if self.knows_ascii_alone else not segments.foreign(form["Body"])
        if form.get("EncodingType") == "plain" and not is_plain:
            words = "Message contains Unicode characters but EncodingType is set to 'plain'."
            return Reply(400, {"RestException": {"Status": 400, "Message": words, "Code": "ENCODING_MISMATCH"}})
        self.messages.append(form)
        self.details[f"{len(self.messages):032x}"] = {}
        made = {"Sid": f"{len(self.messages):032x}", "Status": "queued", "Price": None, "To": form["To"]}
        return Reply(200, {"SMSMessage": made})

    def show(self, asked: Asked) -> Reply:
        """What became of one message (docs/sms-api/api-reference/sms-details); ``details`` are the newest of each."""
        sid = asked.path.removeprefix(f"/v1/Accounts/{SID}/SMS/Messages/").removesuffix(".json")
        if sid not in self.details:
            return Reply(200, {"Message": "No matching results"})
        standing = {"Sid": sid, "AccountSid": SID, "To": PHONE, "Status": "submitted", "Price": None}
        return Reply(200, {"SMSMessage": standing | self.details[sid]})

    def receipt(self, state: State) -> Posted:
        words = {
            "accepted": ("sent", "DELIVERED_TO_OPERATOR"),
            "delivered": ("sent", "DELIVERED_TO_HANDSET"),
            "undelivered": ("failed", "FAILED_INVALID_NUMBER"),
        }
        status, detail = words[state]
        form = {"SmsSid": "known", "To": PHONE, "Status": status, "DetailedStatus": detail, "CustomField": HANDOVER}
        return Posted(self.url(), FORM, urlencode(form).encode())

    def said(self, text: str) -> Posted:
        return Posted(self.url(), FORM, urlencode({"SmsSid": "in", "From": PHONE, "Body": text}).encode())


class ExotelWhatsAppServer(ExotelServer):
    """``/v2/accounts/SID/messages``."""

    def arrived(self) -> list[str]:
        contents = [message["content"] for message in self.messages]
        return [content.get("text", {}).get("body") or content["image"]["caption"] for content in contents]

    def error(self, status: int) -> Any:
        return {"http_code": status, "response": None, "error_data": {"code": status, "message": f"About {PHONE}"}}

    def take(self, asked: Asked) -> Reply:
        if asked.path != f"/v2/accounts/{SID}/messages":
            return Reply(404, self.error(404))
        [message] = asked.json["whatsapp"]["messages"]
        if self.refuses:
            return self.answered(400, None, {"code": 30012, "message": "EX_INVALID_RECIPIENT"})
        if message["content"]["type"] not in message["content"] or not (message.get("from") and message.get("to")):
            return self.answered(400, None, {"code": 30010, "message": "EX_INVALID_REQUEST"})
        self.messages.append(message | {"custom_data": asked.json.get("custom_data")})
        return self.answered(202, {"sid": f"{len(self.messages):032x}"}, None)

    def answered(self, code: int, data: Any, problem: Any) -> Reply:
        """One request is taken with whatever becomes of the messages in it."""
        one = {"code": code, "status": "success" if data else "failure", "data": data, "error_data": problem}
        return Reply(207, {"request_id": "r", "http_code": 207, "response": {"whatsapp": {"messages": [one]}}})

    def receipt(self, state: State) -> Posted:
        word = {
            "accepted": "EX_MESSAGE_SENT",
            "delivered": "EX_MESSAGE_DELIVERED",
            "read": "EX_MESSAGE_SEEN",
            "undelivered": "EX_INCAPABLE_RECIPIENT",
        }[state]
        return self.posted(
            {"callback_type": "dlr", "sid": "known", "to": PHONE, "exo_detailed_status": word, "custom_data": HANDOVER}
        )

    def said(self, text: str) -> Posted:
        content = {"type": "text", "text": {"body": text}}
        return self.posted({"callback_type": "icm", "from": PHONE[1:], "profile_name": "Kari", "content": content})

    def posted(self, message: dict[str, Any]) -> Posted:
        body = json.dumps({"whatsapp": {"messages": [message]}}).encode()
        return Posted(self.url(), {"Content-Type": "application/json"}, body)


class SignedExotelWhatsAppServer(ExotelWhatsAppServer):
    """An account whose posts are signed (docs/whatsapp-api/api-reference/receive-messages, "Security")."""

    signs_body = True
    signature_secret = "a-made-up-signature-secret"

    def posted(self, message: dict[str, Any]) -> Posted:
        posted = super().posted(message)
        return replace(posted, headers=posted.headers | {"X-Exotel-Signature": sign(posted.body)})


def sign(body: bytes) -> str:
    """What Exotel puts into ``X-Exotel-Signature``."""
    key = SignedExotelWhatsAppServer.signature_secret.encode()
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
