"""What a message says: text and facts brought together, and addresses made, at the moment of sending.

Nothing of it is kept. What is owed is what is owed now; a link's address and a one-time code are made anew each time.
Whoever holds the phone may not be the customer: no text that opens something names more than operator, plain kinds,
sums and due dates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from urllib.parse import urlsplit

from django.utils import translation
from django.utils.translation import gettext as _

from billing import links, pins, receipts
from billing.lib.money import format_money
from billing.lib.names import in_language
from billing.models import Payment
from payportal import qr
from payportal.messaging import codes, dates, owing, placeholders, policies, segments, texts
from payportal.messaging.channels.base import Channel, Outgoing
from payportal.messaging.models import Message, MessagingPolicy
from payportal.messaging.occasions import opens_link

Values = dict[str, str]
# Carriers refuse a place of an approved template that has no words.
NOTHING = "–"


class CannotSay(Exception):
    """There is nothing (more) to be said: no number to send it to, or what it would open is closed."""


def outgoing(message: Message, channel: Channel, now: datetime) -> Outgoing:
    """The message in the customer's language, ready for a channel. Raises CannotSay."""
    to = getattr(message.customer, channel.reaches)
    if not to:
        raise CannotSay(f"the customer has no {channel.reaches}")
    address = address_of(message, now)
    is_picture = channel.medium == "whatsapp" and opens_link(message.template) and _shows_qr(message)
    # A channel with a button of its own shows the address there.
    is_button = channel.code == "outbox"
    with translation.override(message.language):
        text = _text_of(message, channel.medium)
        values = _values(message, now) | {
            "link": "" if is_picture or is_button else address,
            "scan": _("Point a phone’s camera at the code.") if is_picture else "",
        }
        speak = fitted if channel.medium == "sms" else placeholders.fill
        said = Outgoing(
            reference=message.reference,
            to=to,
            sender=message.operator.name,
            language=message.language,
            subject=_one_line(placeholders.fill(text.subject, values)),
            body=speak(text.body, values),
            address="" if is_picture else address,
            address_label=_one_line(placeholders.fill(text.label, values)) if address else "",
            code=message.code,
            carrier_template=text.carrier_name,
            parameters=_parameters(text.body, values) if text.carrier_name else (),
        )
    return _with_picture(said, message, address) if is_picture else said


def address_of(message: Message, now: datetime) -> str:
    """What the message opens, made anew each time and kept nowhere; empty where it opens nothing.

    Raises CannotSay for a link that has ended or was withdrawn since the message was written.
    """
    if opens_link(message.template) and message.link:
        if message.link.revoked_at or message.link.expires_at <= now:
            raise CannotSay("the link has ended")
        return links.url(message.link)
    if message.template == "receipt" and message.payment and message.payment.status == Payment.Status.SUCCEEDED:
        return receipts.url(message.payment)
    return ""


def _text_of(message: Message, medium: str) -> texts.Text:
    try:
        return texts.text(message.operator_id, message.template, message.language, medium)
    except KeyError:
        raise CannotSay(f"template: there is none for {message.template}") from None


def _values(message: Message, now: datetime) -> Values:
    """Every placeholder of the occasion but the address, as people of the message's language say it."""
    operator, language, facts = message.operator, message.language, message.context
    origin = links.origin(operator)
    values = dict.fromkeys(placeholders.MEANING, "") | {
        "operator": _one_line(operator.name),
        "code": codes.shown(message.code),
        # Where there is no code there is nothing to look up.
        "verify": f"{origin}/verify" if message.code else "",
        "help": operator.help_phone,
        "host": urlsplit(origin).hostname or operator.host,
    }
    if "amount" in facts:
        values["amount"] = format_money(facts["amount"], facts["currency"], language)
    if "names" in facts:
        values["service"] = _one_line(in_language(facts["names"], language))
    if facts.get("until"):
        values["until"] = dates.day(datetime.fromisoformat(facts["until"]), language, operator.time_zone)
    if facts.get("fee"):
        values["fee"] = format_money(facts["fee"], facts["currency"], language)
    if facts.get("fee_on"):
        fee_on = date.fromisoformat(facts["fee_on"])
        values |= {"fee_on": dates.of_date(fee_on, language), "fee_on_short": dates.short(fee_on, language)}
    if opens_link(message.template) and message.link:
        owed = owing.of(message, now)
        values |= {"items": "\n".join(owed.lines), "short": owed.short, "number": owed.number}
        values |= {"total": owed.total, "when": owed.when, "ends": _ends(message, now)}
    if message.template == "pin_code" and message.link:
        values["pin"] = pins.make_code(message.link, now)
    return values


def _ends(message: Message, now: datetime) -> str:
    """Until when the link lasts: ``13:00``, and the day where it isn't today."""
    assert message.link is not None
    at, zone = message.link.expires_at, message.operator.time_zone
    clock = dates.clock(at, message.language, zone)
    if dates.local_day(at, zone) == dates.local_day(now, zone):
        return clock
    return f"{dates.day(at, message.language, zone)}, {clock}"


def fitted(body: str, values: Values) -> str:
    """The text as SMS: as much of what is owed as one part holds, or the least parts where one is not enough.

    Beside the placeholders ``values`` has what is said in fewer words there: ``short`` and ``number`` for ``items``,
    and ``fee_on_short``.
    """
    said = [segments.plain(placeholders.fill(body, fewer)) for fewer in _shortened(values)]
    # The first of the shortest.
    return min(said, key=lambda each: segments.measure(each).segments)


def _shortened(values: Values) -> Iterator[Values]:
    """What may be left out of an SMS, one after the other; sum, address, codes and fees never are."""
    values = values | {"items": values.get("short", ""), "fee_on": values.get("fee_on_short", "")}
    yield values
    values = values | {"ends": ""}
    yield values
    values = values | {"items": values.get("number", "")}
    yield values
    yield values | {"when": ""}


def _parameters(body: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The words for the places of a carrier's approved template, in the order in which ours names them first.

    Meta takes no line breaks in them, and no empty ones (Cloud API, "Template components").
    """
    return tuple(values[name].replace("\n", "; ") or NOTHING for name in placeholders.named(body))


def _shows_qr(message: Message) -> bool:
    return policies.of(message.operator).whatsapp_shows == MessagingPolicy.Shows.QR


def _with_picture(said: Outgoing, message: Message, address: str) -> Outgoing:
    """The message with the address as a QR code, as bytes and where it can be fetched."""
    assert message.link is not None
    origin = links.origin(message.operator)
    picture = f"{origin}/q/{message.link.selector}/{links.rest(message.link)}.jpg"
    return replace(said, image=qr.jpeg(address, label=urlsplit(origin).hostname or ""), image_address=picture)


def _one_line(text: str) -> str:
    """A name stays where it is put: it can't end a header line or begin another."""
    return " ".join(text.splitlines())
