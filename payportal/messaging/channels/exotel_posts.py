"""What Exotel posts: reports on SMS and WhatsApp messages, and what customers wrote.

SMS come as forms (developer.exotel.com, docs/sms-support/sms-webhooks); docs/references/webhooks shows JSON. What
WhatsApp brings is shown in three envelopes by three pages: ``{"whatsapp": {"messages": [...]}}`` (/api/receive-messages
and its status callbacks), ``{"event": ..., "message": {...}}`` (docs/whatsapp-api/api-reference/receive-messages) and
``{"type": ..., "data": {...}}`` (docs/whatsapp-support/webhooks); a fourth shows a bare report
(docs/whatsapp-api/api-reference/status-codes). All are read: an opt-out that got lost is a message to somebody who
wanted none.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import phonenumbers
import structlog
from phonenumbers import PhoneNumberType

from payportal.messaging.channels import exotel_states as states
from payportal.messaging.channels import wishes
from payportal.messaging.channels.base import News, Receipt, Said

log = structlog.get_logger(__name__)

# What an envelope or a message calls itself.
REPORTS = {"dlr", "message_status"}
WRITTEN = {"icm", "incoming_message", "inbound_message"}
# Where a report says what became of a message, and where a message has its words.
OUTCOMES = ("exo_detailed_status", "exo_status_code", "status")
WORD_FIELDS = ("content", "message", "text", "button", "interactive")
# Where SMS senders without a country are from: Exotel's home.
REGION = "IN"
MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
MOST_FIELDS = 200
CODE = re.compile(r"[A-Z][A-Z_]{2,39}|[0-9]{1,7}")
LONGEST_CHALLENGE = 500


def sms(body: bytes) -> Iterator[News]:
    """What a form says, or an object with the same names. Raises ValueError for what can't be read."""
    fields: Mapping[str, Any]
    if body.lstrip().startswith(b"{"):
        fields = _object(body)
    else:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    if "Status" in fields:
        yield from sms_report(fields)
    elif "Body" in fields:
        sender = _text(fields.get("From"))
        yield from _said(sender if _is_from_home(sender) else f"+{sender}", [_text(fields["Body"])])


def sms_report(fields: Mapping[str, Any]) -> Iterator[Receipt]:
    """What became of an SMS, as a form or an answer says it in the same words."""
    status, detail, handover = (_text(fields.get(name)) for name in ("Status", "DetailedStatus", "CustomField"))
    yield from _receipt(states.of_sms(status, detail), handover, _first(fields, "SmsSid", "Sid"), detail, status)


def whatsapp(body: bytes) -> Iterator[News]:
    """What any of the envelopes says. Raises ValueError for what is none of them.

    Whatever is no report and has a sender was written by a customer, under whichever name it comes.
    """
    kind, messages = _opened(_object(body))
    for message in messages:
        its_kind = _text(message.get("callback_type")).lower() or kind
        if _is_report(its_kind, message):
            word, number, status = (_text(message.get(name)) for name in OUTCOMES)
            state = states.of_whatsapp(word, number, status)
            sid = _first(message, "sid", "message_sid", "id")
            yield from _receipt(state, _text(message.get("custom_data")), sid, word, number, _metas_number(message))
        else:
            # A country stands in front of every number there, with a plus or without.
            sender = _sender(message)
            yield from _said(sender if sender.startswith(("+", "0")) else f"+{sender}", _words(message))


def challenge(body: bytes) -> str:
    """What Exotel wants to hear again from an address that it is given; empty: nothing.

    https://developer.exotel.com/docs/whatsapp-support/webhooks, "Verify Your Endpoint".
    """
    try:
        found = _object(body)
    except ValueError:
        return ""
    asked = _text(found.get("challenge")) if found.get("type") == "verification" else ""
    return asked if len(asked) <= LONGEST_CHALLENGE else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except RecursionError:
        found = None
    if not isinstance(found, dict) or not found:
        raise ValueError("a body of another shape")
    return found


def _opened(body: dict[str, Any]) -> tuple[str, Sequence[dict[str, Any]]]:
    """What an envelope calls what it holds, and the messages in it; what is no message keeps none back."""
    kind = _first(body, "event", "type").lower()
    if kind == "verification":
        return kind, ()
    inside: object = None
    if "whatsapp" in body:
        inside = body["whatsapp"].get("messages") if isinstance(body["whatsapp"], dict) else None
    elif "from" in body or "sid" in body:
        inside = [body]
    else:
        held = body.get("data") or body.get("message") or body
        inside = [{"contact": body.get("contact"), **held}] if isinstance(held, dict) else None
    messages = [each for each in inside if isinstance(each, dict)] if isinstance(inside, list) else []
    if not messages:
        raise ValueError("a body of another shape")
    return kind, messages


def _is_report(kind: str, message: dict[str, Any]) -> bool:
    if kind in REPORTS or kind in WRITTEN:
        return kind in REPORTS
    says_words = any(message.get(name) for name in WORD_FIELDS)
    return not says_words and any(message.get(name) is not None for name in OUTCOMES)


def _sender(message: dict[str, Any]) -> str:
    contact = message.get("contact")
    return _first(message, "from") or (_first(contact, "wa_id") if isinstance(contact, dict) else "")


def _words(message: dict[str, Any]) -> list[str]:
    """What was written, or stands on the button or entry that was chosen, and what an operator had it stand for."""
    content = message.get("content") or message.get("message") or message
    if not isinstance(content, dict):
        return [_text(content)]
    found = [_text(content.get("text"))]
    text, button, chosen = (content.get(name) for name in ("text", "button", "interactive"))
    places = [text, button]
    if isinstance(chosen, dict):
        places += [chosen.get("button_reply"), chosen.get("list_reply")]
    for place in places:
        if isinstance(place, dict):
            found += [_text(place.get(name)) for name in ("body", "text", "title", "payload")]
    return found


def _is_from_home(sender: str) -> bool:
    """Whether a sender of an SMS can be read as it is: with a plus, a zero, or as a mobile number of Exotel's home."""
    if sender.startswith(("+", "0")):
        return True
    try:
        return phonenumbers.number_type(phonenumbers.parse(sender, REGION)) in MOBILE
    except phonenumbers.NumberParseException:
        return False


def _said(sender: str, words: Sequence[str]) -> Iterator[Said]:
    """What somebody wrote. A sender that is no number is none of our customers."""
    try:
        parsed = phonenumbers.parse(sender, REGION)
    except phonenumbers.NumberParseException:
        log.info("exotel_sender_unreadable")
        return
    wished = [wish for wish in map(wishes.of, words) if wish != "other"]
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    yield Said(number, wished[0] if wished else "other")


def _metas_number(message: dict[str, Any]) -> str:
    """Why it failed, in Meta's own numbers (131047 ...), which one of the envelopes passes on."""
    errors = message.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return _text(first.get("code")) if isinstance(first, dict) else ""


def _receipt(state: states.State | None, handover: str, sid: str, *codes: str) -> Iterator[Receipt]:
    """A receipt, where the report says something that we know. ``codes`` are what it calls it."""
    # Only what is in capitals or digits, as their codes are: nothing of a person's can be one.
    known = [code for code in codes if CODE.fullmatch(code)]
    if state is None:
        log.warning("exotel_report_unknown", codes=known)
        return
    is_lost = state == "undelivered"
    yield Receipt(
        state,
        handover=handover,
        channel_reference=sid,
        error=f"Exotel {known[0] if known else 'failed'}" if is_lost else "",
        mark=states.mark(*codes) if is_lost else "",
    )


def _first(fields: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that says something."""
    return next((text for text in (_text(fields.get(name)) for name in names) if text), "")


def _text(value: object) -> str:
    """A text, or a number that stands for one; anything else is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""
