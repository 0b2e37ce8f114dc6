"""Exotel: SMS, and WhatsApp as text, picture or template.

Facts: https://developer.exotel.com/api/sms (sending, callbacks), /api/whatsapp (sending), /api/receive-messages,
/docs/sms-api/api-reference/status-codes, /api/error-code, /docs/voice-v1/api-reference/balance.

What Exotel posts proves itself by a secret of ours in the address that it is given (``ExotelAccount.webhook_token``),
compared in constant time; it stands in no log (payportal.logs keeps paths only). One page, docs/whatsapp-api/
api-reference/receive-messages, has a signature as well: it is asked for where the account has its secret.
"""

import hashlib
import hmac
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from django.conf import settings
from django.utils.crypto import constant_time_compare

from payportal.messaging import segments
from payportal.messaging.accounts import ExotelAccount
from payportal.messaging.channels import exotel_posts as posts
from payportal.messaging.channels import exotel_states as states
from payportal.messaging.channels import http
from payportal.messaging.channels.base import (
    BadKeys,
    CannotTell,
    Channel,
    Credit,
    InvalidSignature,
    News,
    NoCredit,
    NotSent,
    Outgoing,
    Question,
    Receipt,
    Refused,
    SendUnknown,
)

MILLION = 1_000_000
MOST_MICROS = 10**15
# docs/sms-support/sms-api-errors and docs/sms-api/api-reference/status-codes; an older page has the words alone.
EMPTY = {"INSUFFICIENT_BALANCE", "40001"}
MISMATCH = "ENCODING_MISMATCH"
EMPTY_WORDS = ("insufficient balance", "insufficient account balance")


class Exotel(Channel):
    """What SMS and WhatsApp have in common. Exotel finds messages by its own reference alone."""

    reaches = "phone"
    # Whether Exotel documents that it signs these posts.
    signs: ClassVar[bool] = False

    def look_up(self, question: Question) -> str | None:
        raise CannotTell

    def receive(self, account: str, url: str, headers: Mapping[str, str], body: bytes) -> Sequence[News]:
        keys: ExotelAccount = settings.EXOTEL_ACCOUNTS[account]
        query = dict(parse_qsl(urlsplit(url).query, max_num_fields=posts.MOST_FIELDS))
        if not keys.webhook_token or not constant_time_compare(query.get("t", ""), keys.webhook_token):
            raise InvalidSignature
        signature = headers.get("X-Exotel-Signature", "")
        if keys.signature_secret and (signature or self.signs):
            mac = hmac.new(keys.signature_secret.encode(), body, hashlib.sha256).hexdigest()
            if not constant_time_compare(signature, f"sha256={mac}"):
                raise InvalidSignature
        return list(self.news(body))

    @abstractmethod
    def news(self, body: bytes) -> Iterator[News]:
        """What a post says. Raises ValueError for what can't be read."""

    @abstractmethod
    def sender(self, account: ExotelAccount) -> str:
        """From whom; a message of an account without one is BadKeys."""

    def credit(self, account: str) -> Credit:
        """The wallet's balance, wherever the answer has it: its shape is shown nowhere, its words are."""
        keys = _account(account)
        self.sender(keys)
        address = f"{settings.EXOTEL_API_BASE}/v1/Accounts/{keys.account_sid}/Balance.json"
        fields = http.ask(httpx.Request("GET", address, headers=_basic(keys))).fields()
        micros = _micros(_found(fields, "balance"))
        return Credit(micros, str(_found(fields, "currency") or "INR")[:3].upper() if micros is not None else "")


class ExotelSms(Exotel):
    """SMS by Exotel.

    ``plain`` is GSM-7 (docs/sms-support/unicode-sms), as the segments of a text are counted; its list of letters is a
    short one, so that an account may refuse others as a mismatch: those go as ``unicode`` then.
    """

    code = "exotel_sms"
    medium = "sms"

    def sender(self, account: ExotelAccount) -> str:
        return _sender(account.sms_from)

    def send(self, message: Outgoing) -> str:
        account = _account(message.account)
        content = {
            "From": self.sender(account),
            "To": message.to,
            "Body": message.text,
            "CustomField": message.handover,
        }
        if account.dlt_entity_id:
            content["DltEntityId"] = account.dlt_entity_id
        if message.callback:
            content["StatusCallback"] = _callback(message.callback, account)
        is_plain = segments.measure(message.text).encoding == "GSM-7"
        answer = _post_sms(account, content | {"EncodingType": "plain" if is_plain else "unicode"})
        if is_plain and answer.status == 400 and _found(answer.fields(), "code") == MISMATCH:
            # Surely not taken: some of GSM-7's letters are none that this account calls plain.
            answer = _post_sms(account, content | {"EncodingType": "unicode"})
        fields = answer.fields()
        if not answer.is_good:
            raise _failure(answer, fields)
        return _reference(_found(fields, "sid"))

    def news(self, body: bytes) -> Iterator[News]:
        return posts.sms(body)

    def recall_one(self, account: str, reference: str) -> Receipt | None:
        """https://developer.exotel.com/docs/sms-api/api-reference/sms-details; prices are told here alone.

        Of a message that it doesn't know Exotel says so with 200. The wallet is in rupees (its page on the balance).
        """
        keys: ExotelAccount = settings.EXOTEL_ACCOUNTS[account]
        address = f"{settings.EXOTEL_API_BASE}/v1/Accounts/{keys.account_sid}/SMS/Messages/{_reference(reference)}.json"
        found = http.ask(httpx.Request("GET", address, headers=_basic(keys))).fields().get("SMSMessage")
        if not isinstance(found, dict) or found.get("Sid") != reference:
            return None
        receipt = next(posts.sms_report(found), None)
        price = _micros(found.get("Price"))
        if receipt is None or price is None:
            return receipt
        return replace(receipt, cost_micros=abs(price), cost_currency=str(found.get("Currency") or "INR")[:3].upper())


class ExotelWhatsApp(Exotel):
    """WhatsApp by Exotel. Pictures are fetched by their address; without a template a conversation must be open."""

    code = "exotel_whatsapp"
    medium = "whatsapp"
    signs = True

    def sender(self, account: ExotelAccount) -> str:
        return _sender(account.whatsapp_from)

    def send(self, message: Outgoing) -> str:
        account = _account(message.account)
        one = {"from": self.sender(account), "to": message.to, "content": _content(message)}
        content: dict[str, Any] = {"custom_data": message.handover, "whatsapp": {"messages": [one]}}
        if message.callback:
            content["status_callback"] = _callback(message.callback, account)
        address = f"{settings.EXOTEL_API_BASE}/v2/accounts/{account.account_sid}/messages"
        answer = http.send(httpx.Request("POST", address, json=content, headers=_basic(account)))
        fields = answer.fields()
        if not answer.is_good:
            raise _failure(answer, fields)
        return _taken(fields, answer)

    def news(self, body: bytes) -> Iterator[News]:
        return posts.whatsapp(body)

    def greeting(self, body: bytes) -> Mapping[str, str]:
        challenge = posts.challenge(body)
        return {"challenge": challenge} if challenge else {}


def _post_sms(account: ExotelAccount, content: Mapping[str, str]) -> http.Answer:
    address = f"{settings.EXOTEL_API_BASE}/v1/Accounts/{account.account_sid}/Sms/send.json"
    return http.send(httpx.Request("POST", address, data=dict(content), headers=_basic(account)))


def _content(message: Outgoing) -> dict[str, Any]:
    if message.carrier_template:
        components: list[dict[str, Any]] = []
        if message.image_address:
            picture = {"type": "image", "image": {"link": message.image_address}}
            components.append({"type": "header", "parameters": [picture]})
        if message.parameters:
            words = [{"type": "text", "text": word} for word in message.parameters]
            components.append({"type": "body", "parameters": words})
        language = {"policy": "deterministic", "code": message.language}
        template = {"name": message.carrier_template, "language": language, "components": components}
        return {"type": "template", "template": template}
    if message.image_address:
        return {"type": "image", "image": {"link": message.image_address, "caption": message.text}}
    return {"type": "text", "text": {"preview_url": False, "body": message.text}}


def _taken(fields: Mapping[str, Any], answer: http.Answer) -> str:
    """The reference of the one message of a request; a request that is taken may hold a message that is not."""
    try:
        one = fields["response"]["whatsapp"]["messages"][0]
        code, data, problem = int(one["code"]), one.get("data") or {}, one.get("error_data") or {}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise SendUnknown("an answer that can't be read") from None
    if not 200 <= code < 300:
        raise _failure(http.Answer(code, answer.headers, b""), problem)
    return _reference(data.get("sid"))


def _failure(answer: http.Answer, problem: Any) -> NotSent | Refused | SendUnknown:
    """What an answer that is not good means.

    Its words are for people, but for the two that its status does not tell: that it was the number, or the balance.
    """
    word, code = (str(_found(problem, name) or "").strip() for name in ("message", "code"))
    word = word or str(_found(problem, "description") or "").strip()
    if answer.status == 400 and word.lower().startswith("invalid recipient"):
        return Refused("HTTP 400", mark="unreachable")
    if answer.status == 400 and states.mark(word):
        return Refused("HTTP 400", mark=states.mark(word))
    if answer.status == 403 and (code in EMPTY or word.lower().startswith(EMPTY_WORDS)):
        return NoCredit("HTTP 403")
    return http.failure(answer)


def _account(code: str) -> ExotelAccount:
    try:
        found: ExotelAccount = settings.EXOTEL_ACCOUNTS[code]
    except KeyError:
        raise Refused(f"no Exotel account {code}") from None
    return found


def _sender(name: str) -> str:
    if not name:
        raise BadKeys("the Exotel account has no sender for this")
    return name


def _basic(account: ExotelAccount) -> dict[str, str]:
    return http.basic(account.api_key, account.api_token)


def _callback(address: str, account: ExotelAccount) -> str:
    return f"{address}?{urlencode({'t': account.webhook_token})}"


def _reference(sid: object) -> str:
    if not isinstance(sid, str) or not sid.isalnum():
        raise SendUnknown("an answer that can't be read")
    return sid


def _found(fields: Any, name: str) -> Any:
    """The first value of that name in an answer, upper case or lower, however deep (three levels at most)."""
    level = [fields]
    for _ in range(4):
        following: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                for key, value in each.items():
                    if str(key).lower() == name and not isinstance(value, dict | list):
                        return value
                    following.append(value)
            elif isinstance(each, list):
                following.extend(each)
        level = following
    return None


def _micros(amount: object) -> int | None:
    """Millionths of a sum; None where there is none, or more than any account holds."""
    try:
        micros = int(Decimal(str(amount)) * MILLION)
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return micros if abs(micros) < MOST_MICROS else None
