"""Twilio's Programmable Messaging: SMS, and WhatsApp through Twilio.

Facts: https://www.twilio.com/docs/messaging/api/message-resource (sending, listing, states),
https://www.twilio.com/docs/usage/webhooks/webhooks-security (signatures), https://www.twilio.com/docs/api/errors.
"""

import base64
import hashlib
import hmac
import json
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from django.conf import settings
from django.utils.crypto import constant_time_compare

from payportal.messaging.accounts import TwilioAccount
from payportal.messaging.channels import http, wishes
from payportal.messaging.channels import twilio_errors as errors
from payportal.messaging.channels.base import (
    BadKeys,
    CannotTell,
    Channel,
    Credit,
    InvalidSignature,
    News,
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
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "undelivered",
}
# The most that Twilio gives.
PAGE = 1000
# Two calls end within the lease of a claim.
MOST_PAGES = 2
# How codes stand in a text (see payportal.messaging.codes).
A_CODE = re.compile(r"\b[0-9A-Z]{3}-[0-9A-Z]{3}-[0-9A-Z]{3}\b", re.IGNORECASE)
# Their clock and ours.
CLOCKS_APART = timedelta(minutes=5)
MOST_FIELDS = 200
MILLION = 1_000_000
MOST_MICROS = 10**15


class Twilio(Channel):
    """What SMS and WhatsApp have in common. ``prefix`` stands before numbers in Twilio's addresses."""

    reaches = "phone"
    prefix: ClassVar[str] = ""

    def send(self, message: Outgoing) -> str:
        account = _account(message.account)
        content = self.sender(account) | self.content(message) | {"To": self.prefix + message.to}
        if message.callback:
            content["StatusCallback"] = f"{message.callback}?{urlencode({'h': message.handover})}"
        request = httpx.Request("POST", _address(account, "Messages.json"), data=content, headers=_keys(account))
        answer = http.send(request)
        fields = answer.fields()
        if not answer.is_good:
            raise errors.failure(answer, fields)
        if STATES.get(str(fields.get("status"))) == "undelivered":
            raise errors.refusal(errors.number(fields.get("error_code")))
        return _sid(fields)

    def look_up(self, question: Question) -> str | None:
        """Found by the code that stands in every text: Twilio keeps no reference of ours.

        Not by ``DateSent``: what still waits there has none. A text without any code in it, sent at the time, may be
        ours all the same: then nobody can tell.
        """
        code = _bare(question.code)
        if not code:
            raise CannotTell
        try:
            account = _account(question.account)
        except Refused as error:
            raise SendUnknown(str(error)) from None
        since = question.sent_at - CLOCKS_APART
        path = "Messages.json?" + urlencode({"To": self.prefix + question.to, "PageSize": PAGE})
        for _ in range(MOST_PAGES):
            page, path = _read(account, path)
            ours = [entry for entry in page if _is_ours(entry, since)]
            for entry in ours:
                if code in _bare(str(entry.get("body") or "")):
                    return _sid(entry)
            # It may be the one: redacted, or by a template of the carrier's that leaves the code out.
            if not all(A_CODE.search(str(entry.get("body") or "")) for entry in ours):
                raise CannotTell
            if not path:
                return None
        raise SendUnknown("too many messages to look through")

    def recall(self, account: str, since: datetime) -> Iterator[Sequence[Receipt]]:
        """By the day on which it was sent. Prices are told here alone, some minutes after a message went out."""
        keys: TwilioAccount = settings.TWILIO_ACCOUNTS[account]
        path = "Messages.json?" + urlencode({"DateSent>": since.date().isoformat(), "PageSize": PAGE})
        while path:
            page, path = _read(keys, path)
            ours = [entry for entry in page if str(entry.get("direction", "")).startswith("outbound")]
            mine = [entry for entry in ours if str(entry.get("to", "")).startswith(self.prefix + "+")]
            yield [receipt for entry in mine for receipt in _listed(entry)]

    def receive(self, account: str, url: str, headers: Mapping[str, str], body: bytes) -> Sequence[News]:
        keys = settings.TWILIO_ACCOUNTS[account]
        form = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        signature = {name.lower(): value for name, value in headers.items()}.get("x-twilio-signature", "")
        if not keys.auth_token or not _is_signed(url, form, keys.auth_token, signature):
            raise InvalidSignature
        return self.news(dict(form), dict(parse_qsl(urlsplit(url).query)).get("h", ""))

    def news(self, form: Mapping[str, str], handover: str) -> Sequence[News]:
        """A status of something we sent, or what somebody wrote; anything else is no news."""
        if "MessageStatus" in form:
            receipt = _receipt(form["MessageStatus"], form.get("ErrorCode"), form.get("Price"), form.get("PriceUnit"))
            told = form.get("MessageSid", "")
            return (replace(receipt, handover=handover, channel_reference=told),) if receipt else ()
        sender = form.get("From", "")
        if "Body" not in form or not sender.startswith(self.prefix + "+"):
            return ()
        # With Advanced Opt-Out Twilio knows the operator's own words for it.
        told = form.get("OptOutType", "")
        return (Said(sender.removeprefix(self.prefix), wishes.of(told) if told else wishes.of(form["Body"])),)

    def credit(self, account: str) -> Credit:
        """The account's balance; a subaccount's is told with its parent alone. Raises KeyError for no such account.

        An account without a sender is of no use either: BadKeys, before a message meets it.
        """
        keys: TwilioAccount = settings.TWILIO_ACCOUNTS[account]
        self.sender(keys)
        fields = http.ask(httpx.Request("GET", _address(keys, "Balance.json"), headers=_keys(keys))).fields()
        micros, currency = _money(fields.get("balance"), fields.get("currency"))
        return Credit(micros, currency)

    @abstractmethod
    def sender(self, account: TwilioAccount) -> dict[str, str]:
        """From whom: a number or name, or a messaging service, which chooses one."""

    @abstractmethod
    def content(self, message: Outgoing) -> dict[str, Any]:
        """What is said."""


class TwilioSms(Twilio):
    """SMS by Twilio."""

    code = "twilio_sms"
    medium = "sms"

    def sender(self, account: TwilioAccount) -> dict[str, str]:
        return _from(account.sms_from, "")

    def content(self, message: Outgoing) -> dict[str, Any]:
        return {"Body": message.text}


class TwilioWhatsApp(Twilio):
    """WhatsApp by Twilio. Without an approved template a message arrives only within a day of the customer's last."""

    code = "twilio_whatsapp"
    medium = "whatsapp"
    prefix = "whatsapp:"

    def sender(self, account: TwilioAccount) -> dict[str, str]:
        return _from(account.whatsapp_from, self.prefix)

    def content(self, message: Outgoing) -> dict[str, Any]:
        """A template's places are numbered from 1; the picture's is the last and holds its address without the host.

        (A template names a host of its own: ``https://HOST/{{5}}``.)
        """
        if not message.carrier_template:
            picture = {"MediaUrl": message.image_address} if message.image_address else {}
            return {"Body": message.text} | picture
        words = list(message.parameters)
        if message.image_address:
            words.append(urlsplit(message.image_address).path.lstrip("/"))
        places = {str(number): word for number, word in enumerate(words, 1)}
        return {"ContentSid": message.carrier_template, "ContentVariables": json.dumps(places, ensure_ascii=False)}


def _account(code: str) -> TwilioAccount:
    try:
        found: TwilioAccount = settings.TWILIO_ACCOUNTS[code]
    except KeyError:
        raise Refused(f"no Twilio account {code}") from None
    return found


def _from(sender: str, prefix: str) -> dict[str, str]:
    if not sender:
        raise BadKeys("the Twilio account has no sender for this")
    if re.fullmatch(r"MG[0-9a-fA-F]{32}", sender):
        return {"MessagingServiceSid": sender}
    return {"From": prefix + sender.removeprefix(prefix)}


def _address(account: TwilioAccount, path: str) -> str:
    return f"{settings.TWILIO_API_BASE}/2010-04-01/Accounts/{account.account_sid}/{path}"


def _keys(account: TwilioAccount) -> dict[str, str]:
    if account.key_sid:
        return http.basic(account.key_sid, account.key_secret)
    return http.basic(account.account_sid, account.auth_token)


def _read(account: TwilioAccount, path: str) -> tuple[list[Mapping[str, Any]], str]:
    """A page of messages and the path of the next one, empty at the end.

    Raises SendUnknown whatever is wrong: nothing is known of a message then.
    """
    try:
        page = http.ask(httpx.Request("GET", _address(account, path), headers=_keys(account))).fields()
    except BadKeys as error:
        raise SendUnknown(str(error)) from None
    messages = page.get("messages")
    if not isinstance(messages, list) or not all(isinstance(entry, dict) for entry in messages):
        raise SendUnknown("an answer that can't be read")
    # Theirs is the whole path; ours begins at the account.
    _, is_more, rest = str(page.get("next_page_uri") or "").partition("/Messages.json?")
    return messages, f"Messages.json?{rest}" if is_more else ""


def _is_ours(entry: Mapping[str, Any], since: datetime) -> bool:
    """Whether a message in a list went out from us, and not before we began."""
    made = http.moment(str(entry.get("date_created")))
    if made is None:
        raise SendUnknown("an answer that can't be read")
    return str(entry.get("direction", "")).startswith("outbound") and made >= since


def _sid(fields: Mapping[str, Any]) -> str:
    sid = str(fields.get("sid") or "")
    if not re.fullmatch(r"(SM|MM)[0-9a-fA-F]{32}", sid):
        raise SendUnknown("an answer that can't be read")
    return sid


def _receipt(status: object, code: object, price: object, unit: object) -> Receipt | None:
    """What a status means, whichever way it came; None: nothing that we act on."""
    state = STATES.get(str(status))
    if state is None:
        return None
    number = errors.number(code)
    cost, currency = _money(price, unit)
    return Receipt(
        state,
        error=f"Twilio {number}" if number else "",
        mark=errors.mark(number) if state == "undelivered" else "",
        # A price is negative, for it is taken off the balance.
        cost_micros=None if cost is None else abs(cost),
        cost_currency=currency,
    )


def _listed(entry: Mapping[str, Any]) -> Sequence[Receipt]:
    receipt = _receipt(entry.get("status"), entry.get("error_code"), entry.get("price"), entry.get("price_unit"))
    return (replace(receipt, channel_reference=_sid(entry)),) if receipt else ()


def _is_signed(url: str, form: Sequence[tuple[str, str]], token: str, signature: str) -> bool:
    """Whether Twilio signed this: HMAC-SHA1 of the address and the sorted fields, with the account's token as key.

    Of equal names each value counts once. Twilio leaves a standard port out or names it, so both spellings are tried.
    """
    fields = "".join(name + value for name, value in sorted(set(form)))
    is_right = False
    for spelling in _spellings(url):
        mac = hmac.new(token.encode(), (spelling + fields).encode(), hashlib.sha1).digest()
        is_right |= constant_time_compare(base64.b64encode(mac).decode(), signature)
    return is_right


def _spellings(url: str) -> set[str]:
    parts = urlsplit(url)
    port = 443 if parts.scheme == "https" else 80
    host = parts.netloc.removesuffix(f":{port}")
    named = parts.netloc if parts.port else f"{host}:{port}"
    return {url, parts._replace(netloc=host).geturl(), parts._replace(netloc=named).geturl()}


def _money(amount: object, unit: object) -> tuple[int | None, str]:
    """Millionths of a currency, from Twilio's decimals in text; None where there is no such thing."""
    try:
        micros = int(Decimal(str(amount)) * MILLION)
    except (ArithmeticError, ValueError):
        return None, ""
    return (micros, str(unit or "").upper()[:3]) if abs(micros) < MOST_MICROS else (None, "")


def _bare(text: str) -> str:
    """Letters and digits alone: a code stands in groups in a text."""
    return re.sub(r"[^0-9A-Z]", "", text.upper())
