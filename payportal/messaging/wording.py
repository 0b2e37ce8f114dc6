"""What a message says: template and context turned into text, and addresses made, at the moment of sending.

A template is ``templates/messages/<name>.<channel>.txt``: header lines (``Subject``, ``Label``), an empty line, text.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from django.template.loader import render_to_string
from django.utils import timezone, translation

from billing import links, receipts
from billing.lib.money import format_money
from billing.lib.names import in_language
from billing.models import Payment
from payportal.messaging.channels.base import Outgoing
from payportal.messaging.models import Message

HEADERS = ("subject", "label")


class CannotSay(Exception):
    """There is nothing (more) to be said: no number to send it to, or what it would open is closed."""


def outgoing(message: Message, reaches: Literal["phone", "email"], now: datetime) -> Outgoing:
    """The message in the customer's language, ready for a channel. Raises CannotSay."""
    to = getattr(message.customer, reaches)
    if not to:
        raise CannotSay(f"the customer has no {reaches}")
    address = address_of(message, now)
    with translation.override(message.language):
        headers, body = _parts(_rendered(message))
    return Outgoing(
        reference=message.reference,
        to=to,
        sender=message.operator.name,
        language=message.language,
        subject=headers["subject"],
        body=body,
        address=address,
        address_label=headers["label"] if address else "",
    )


def address_of(message: Message, now: datetime) -> str:
    """What the message opens, made anew each time and kept nowhere; empty where it opens nothing.

    Raises CannotSay for a link that has ended or was withdrawn since the message was written.
    """
    if message.template == "link" and message.link:
        if message.link.revoked_at or message.link.expires_at <= now:
            raise CannotSay("the link has ended")
        return links.url(message.link)
    if message.template == "receipt" and message.payment and message.payment.status == Payment.Status.SUCCEEDED:
        return receipts.url(message.payment)
    return ""


def _rendered(message: Message) -> str:
    return render_to_string(f"messages/{message.template}.{message.channel}.txt", _words(message))


def _words(message: Message) -> dict[str, Any]:
    """The context's facts as people of that language say them."""
    language, facts = message.language, message.context
    zone = message.operator.time_zone
    words: dict[str, Any] = {"operator": _one_line(message.operator.name)}
    if "amount" in facts:
        words["amount"] = format_money(facts["amount"], facts["currency"], language)
    if "names" in facts:
        words["name"] = _one_line(in_language(facts["names"], language))
    if facts.get("until"):
        words["until"] = day(datetime.fromisoformat(facts["until"]), language, zone)
    if message.link:
        words["ends"] = clock(message.link.expires_at, language, zone)
        words["ends_on"] = day(message.link.expires_at, language, zone)
        ends_day, today = (
            timezone.localtime(at, ZoneInfo(zone)).date() for at in (message.link.expires_at, message.created_at)
        )
        words["is_today"] = ends_day == today
    return words


def _one_line(text: str) -> str:
    """A name stays where it is put: it can't end a header line or begin another."""
    return " ".join(text.splitlines())


@lru_cache(maxsize=64)
def _locale(language: str) -> str:
    return language.replace("-", "_")


def day(at: datetime, language: str, zone: str) -> str:
    """Day and month, where the operator is: ``22 December``, ``22. desember``."""
    pattern = "d. MMMM" if language in ("nb", "nn", "no", "da", "de") else "d MMMM"
    return format_date(timezone.localtime(at, ZoneInfo(zone)), pattern, locale=_locale(language)).replace(" ", "\u00a0")


def clock(at: datetime, language: str, zone: str) -> str:
    """Hours and minutes of the clock, where the operator is."""
    return format_time(at, "HH:mm", tzinfo=ZoneInfo(zone), locale=_locale(language))


def _parts(text: str) -> tuple[dict[str, str], str]:
    """The header lines of a rendered template, and its body."""
    head, _, body = text.strip().partition("\n\n")
    headers = dict.fromkeys(HEADERS, "")
    for line in head.splitlines():
        name, separator, value = line.partition(":")
        if not separator or name.lower() not in headers:
            raise ValueError("a message template begins with header lines and an empty line")
        headers[name.lower()] = value.strip()
    return headers, body.strip()
