"""How a text will look, filled in with what is made up: for whoever writes one."""

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlsplit

from django.utils import translation

from billing import links
from billing.lib.money import format_money
from billing.lib.names import in_language
from billing.models import BillingAccount, Invoice, Operator
from payportal.messaging import dates, owing, placeholders, segments, wording
from payportal.messaging.segments import Size
from payportal.messaging.texts import Text

# As long as real ones, and obviously none of ours.
_LINK = "/p/" + "x" * 11 + "/" + "x" * 27
_RECEIPT = "/r/" + "x" * 45
_CODE = "K7M-42P-Q9X"
_PIN = "123456"
_BILLS = (
    ({"en": "Broadband and TV", "nb": "Bredbånd og TV", "ar": "الإنترنت والتلفزيون"}, 64_800, timedelta(days=-3)),
    ({"en": "Mobile", "nb": "Mobil", "ar": "الجوال"}, 39_900, timedelta(days=7)),
)
_FILMS = {"en": "Films", "nb": "Film", "ar": "أفلام"}
_FEE = 3_500


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as a customer would see it. ``size`` is that of an SMS, ``foreign`` the letters that make it long."""

    subject: str
    label: str
    body: str
    size: Size | None = None
    foreign: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """For whom and where a text is."""

    operator: Operator
    name: str
    language: str
    medium: str


def show(place: Place, text: Text, today: date) -> Preview:
    """The text filled in. What its occasion doesn't have is left standing in its braces."""
    is_sms = place.medium == "sms"
    with translation.override(place.language):
        values = _made_up(place, today)
        # Unknown names keep their braces: that they are wrong is said beside the field.
        whole = text.subject + text.label + text.body
        values |= {name: f"{{{name}}}" for name in placeholders.named(whole) if name not in values}
        speak = wording.fitted if is_sms else placeholders.fill
        body = speak(text.body, values)
        subject, label = (placeholders.fill(each, values) for each in (text.subject, text.label))
    return Preview(
        subject=subject,
        label=label,
        body=body,
        size=segments.measure(body) if is_sms else None,
        foreign=segments.foreign(body) if is_sms else "",
    )


def _made_up(place: Place, today: date) -> dict[str, str]:
    operator, language = place.operator, place.language
    origin = links.origin(operator)
    owed = owing.in_words(_bills(operator, today), language, today)
    until = today + timedelta(days=30)
    values = {
        "operator": operator.name,
        "code": _CODE,
        "verify": f"{origin}/verify",
        "help": operator.help_phone,
        "host": urlsplit(origin).hostname or operator.host,
        "link": origin + (_RECEIPT if place.name == "receipt" else _LINK),
        "items": "\n".join(owed.lines),
        "total": owed.total,
        "when": owed.when,
        "ends": f"{dates.of_date(today + timedelta(days=1), language)}, 13:00",
        "scan": "",
        "amount": owed.total,
        "service": in_language(_FILMS, language),
        "until": dates.of_date(until, language),
        "fee": format_money(_FEE, operator.currency, language),
        "fee_on": dates.of_date(until, language),
        "pin": _PIN,
    }
    allowed = placeholders.ALLOWED[place.name]
    here = {name: value for name, value in values.items() if name in allowed}
    return here | {"short": owed.short, "number": owed.number, "fee_on_short": dates.short(until, language)}


def _bills(operator: Operator, today: date) -> list[Invoice]:
    """Two bills that are in no table."""
    return [
        Invoice(account=BillingAccount(names=names), currency=operator.currency, amount=amount, due_on=today + due_in)
        for names, amount, due_in in _BILLS
    ]
