"""Twilio as its documentation describes it: Messages.json, Balance.json, signed callbacks."""

import base64
import hashlib
import hmac
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from payportal.messaging.accounts import TwilioAccount
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
from tests.world import NOW

SID = "AC" + "0" * 31 + "1"
TOKEN = "a-made-up-token"
SENDER = "+447700900001"
# What Twilio calls the states of the contract.
STATUSES = {"accepted": "sent", "delivered": "delivered", "read": "read", "undelivered": "undelivered"}


def sign(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    """As https://www.twilio.com/docs/usage/webhooks/webhooks-security says."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


class TwilioServer(CarrierServer):
    """Newest messages come first in its list, ``page_limit`` at most on a page whatever is asked for."""

    page_limit = 1000

    def __init__(self, code: str, settings: Any) -> None:
        super().__init__(code, settings)
        self.messages: list[dict[str, Any]] = []
        self.refused_with = 0
        self.balance: dict[str, Any] = {"account_sid": SID, "balance": "12.29", "currency": "USD"}

    @property
    def prefix(self) -> str:
        return "whatsapp:" if self.code == "twilio_whatsapp" else ""

    def arrived(self) -> list[str]:
        return [message["body"] for message in reversed(self.messages)]

    def use(self, base: str) -> None:
        self.settings.TWILIO_API_BASE = base
        self.settings.TWILIO_ACCOUNTS = {"default": TwilioAccount(SID, TOKEN, SENDER, SENDER)}

    def lose_keys(self) -> None:
        self.settings.TWILIO_ACCOUNTS = {"default": TwilioAccount(SID, "another-token", SENDER, SENDER)}

    def drop_webhook_keys(self) -> None:
        self.settings.TWILIO_ACCOUNTS = {"default": TwilioAccount(SID, "", SENDER, SENDER)}

    def error(self, status: int) -> Any:
        codes = {401: 20003, 403: 20403, 404: 20404, 429: 20429}
        return problem(codes.get(status, 20500), status)

    def refuse_number(self) -> None:
        self.refused_with = 63024 if self.prefix else 21211

    def answer(self, asked: Asked) -> Reply:
        expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if asked.headers.get("Authorization") != expected:
            return Reply(401, problem(20003, 401))
        place = asked.path.removeprefix(f"/2010-04-01/Accounts/{SID}/")
        if asked.method == "POST" and place == "Messages.json":
            return self.create(asked.form)
        if asked.method == "GET" and place == "Messages.json":
            return self.listed(asked)
        if asked.method == "GET" and place == "Balance.json":
            return Reply(200, self.balance)
        return Reply(404, problem(20404, 404))

    def create(self, form: dict[str, str]) -> Reply:
        if self.refused_with:
            return Reply(400, problem(self.refused_with, 400))
        if not form.get("To", "").startswith(self.prefix + "+"):
            return Reply(400, problem(21211, 400))
        if not (form.get("From") or form.get("MessagingServiceSid")):
            return Reply(400, problem(21603, 400))
        if not (form.get("Body") or form.get("ContentSid") or form.get("MediaUrl")):
            return Reply(400, problem(21602, 400))
        if len(form.get("Body", "")) > 1600:
            return Reply(400, problem(21617, 400))
        return Reply(201, self.keep(form))

    def keep(self, form: dict[str, str]) -> dict[str, Any]:
        made = {
            "sid": f"SM{len(self.messages) + 1:032x}",
            "account_sid": SID,
            "status": "accepted" if form.get("MessagingServiceSid") else "queued",
            "direction": "outbound-api",
            "to": form["To"],
            "from": form.get("From"),
            # Of a template, the text that it makes.
            "body": form.get("Body") or f"template {form['ContentSid']} {form.get('ContentVariables')}",
            "date_created": format_datetime(NOW),
            "date_sent": None,
            "error_code": None,
            "price": None,
            "price_unit": "USD",
            "form": form,
        }
        self.messages.insert(0, made)
        return made

    def listed(self, asked: Asked) -> Reply:
        found = [message for message in self.messages if asked.query.get("To") in (None, message["to"])]
        if since := asked.query.get("DateSent>"):
            sent = [message for message in found if message["date_sent"]]
            found = [made for made in sent if parsedate_to_datetime(made["date_sent"]).date().isoformat() >= since]
        size = min(int(asked.query["PageSize"]), self.page_limit)
        number = int(asked.query.get("Page", 0))
        page = found[number * size : (number + 1) * size]
        following = None
        if len(found) > (number + 1) * size:
            query = urlencode({**asked.query, "Page": number + 1, "PageToken": "PASM1"})
            following = f"{asked.path}?{query}"
        return Reply(200, {"messages": page, "page": number, "page_size": size, "next_page_uri": following})

    def receipt(self, state: State) -> Posted:
        form = {"MessageSid": "known", "SmsSid": "known", "MessageStatus": STATUSES[state], "To": self.prefix + PHONE}
        if state == "undelivered":
            form |= {"ErrorCode": "30005"}
        return self.posted(form, f"{CALLBACK}/{self.code}/default?h={HANDOVER}")

    def said(self, text: str) -> Posted:
        form = {"MessageSid": "SM1", "SmsStatus": "received", "From": self.prefix + PHONE, "Body": text}
        return self.posted(form, f"{CALLBACK}/{self.code}/default")

    def posted(self, form: dict[str, str], url: str) -> Posted:
        form = {"AccountSid": SID, "ApiVersion": "2010-04-01", **form}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, form)}
        return Posted(url, headers, urlencode(form).encode())


def problem(code: int, status: int) -> dict[str, Any]:
    """The words of an error repeat the number, as Twilio's do."""
    return {
        "code": code,
        "message": f"Something is wrong with {PHONE}.",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
