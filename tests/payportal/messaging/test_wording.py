"""Text and addresses made at the moment of sending, in the customer's language."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings as site
from django.utils import timezone
from pytest_django import Settings

from billing import links, pins
from billing.models import Customer, OneTimeCode, PaymentLink
from payportal.messaging import channels, codes, messages, segments, wording
from payportal.messaging.channels.base import Channel, Outgoing
from payportal.messaging.models import Message, MessageTemplate, MessagingPolicy
from payportal.messaging.occasions import OCCASIONS
from tests import world
from tests.payportal.messaging.story import NOW, ScriptedPhone, pay, write

FACTS = {
    "names": {"en": "Films", "nb": "Film"},
    "until": "2026-12-22T23:30:00+00:00",
    "amount": 104700,
    "currency": "NOK",
    "fee": 3500,
    "fee_on": "2026-12-05",
}
LANGUAGES = [code for code, _ in site.LANGUAGES]


class Carrier(Channel):
    """A channel of a medium, with no far side: what would be said on it is all that is looked at."""

    code = "carrier"

    def __init__(self, medium: str) -> None:
        self.medium = medium  # type: ignore[misc, assignment]
        self.reaches = "email" if medium == "email" else "phone"  # type: ignore[misc]

    def send(self, message: Outgoing) -> str:
        raise AssertionError("nothing is sent here")

    look_up = send  # type: ignore[assignment]


CARRIERS: dict[str, Channel] = {medium: Carrier(medium) for medium in ("sms", "whatsapp", "email")}


def spoken(message: Message, medium: str = "outbox") -> Outgoing:
    channel = channels.get("outbox") if medium == "outbox" else CARRIERS[medium]
    return wording.outgoing(message, channel, NOW)


def said(message: Message, medium: str = "outbox") -> str:
    text = spoken(message, medium)
    return "\n".join((text.subject, text.body, text.address_label))


_numbers = itertools.count(1)


def told(customer: Customer, name: str, link: PaymentLink | None = None, **more: object) -> Message:
    """A message of this occasion, as it is queued."""
    values: dict[str, object] = {"template": name, "context": FACTS, "link": link} | more
    if name == "receipt" and link and "payment" not in values:
        values["payment"] = pay(link)
    message = write(customer, f"{name}:{next(_numbers)}", **values)
    message.code = message.code or codes.new_code(customer.operator)
    return message


@pytest.mark.parametrize("name", OCCASIONS)
def test_every_occasion_has_words_on_every_medium_in_every_language(
    kari: Customer, link: PaymentLink, name: str
) -> None:
    message = told(kari, name, link)
    for message.language in LANGUAGES:
        for medium in (*CARRIERS, "outbox"):
            _is_whole(message, name, medium)


def _is_whole(message: Message, name: str, medium: str) -> None:
    outgoing = spoken(message, medium)
    text = "\n".join((outgoing.subject, outgoing.body, outgoing.address_label))
    for left_over in ("{", "}", "None", "%(", "&", "\n\n\n"):
        assert left_over not in text
    assert codes.shown(message.code) in outgoing.body
    assert outgoing.code == message.code
    assert bool(outgoing.subject) or medium != "email"
    if OCCASIONS[name].opens:
        assert outgoing.address.startswith("http")
        assert outgoing.address_label
        assert outgoing.body.count(outgoing.address) == (0 if medium == "outbox" else 1)
        assert outgoing.text.count(outgoing.address) == 1
    else:
        assert (outgoing.address, outgoing.address_label) == ("", "")


@pytest.mark.parametrize("name", OCCASIONS)
def test_no_language_falls_back_to_english(kari: Customer, link: PaymentLink, name: str) -> None:
    message = told(kari, name, link)
    for medium in CARRIERS:
        message.language = "en"
        english = said(message, medium)
        for message.language in ("nb", "ar"):
            text = said(message, medium)
            assert text != english
            for words in ("Code ", "Message code", "Hello", "See and pay", "bills", "due"):
                assert words not in text.replace(spoken_address(text), "")


# Longest first: names to 20 letters, hosts to 30, sums as they come.
HOSTS = ("betal.nordlysbredbaand.example", "pay.brisvik.example")
OPERATORS = ("Nordlys Bredbånd & T."[:20], "Brisvik")
BILLS = {
    "one": [("Broadband and TV", 1234500)],
    "one of a long name": [("Broadband, television and telephone", 1234500)],
    "two": [("Broadband", 1200000), ("Mobile", 34500)],
    "twelve": [("Mobile", 102875)] * 12,
}


# Those of which the alphabet lacks the symbol go by their ISO code; that of the euro counts twice; one has no decimals.
SUMS = {
    "NOK": {"en": "NOK 12,345.00", "nb": "12 345,00 kr"},
    "EUR": {"en": "€12,345.00", "nb": "12 345,00 €"},
    "INR": {"en": "INR 12,345.00", "nb": "12 345,00 INR"},
    "ILS": {"en": "ILS 12,345.00", "nb": "12 345,00 ILS"},
    "VND": {"en": "VND 1,234,500", "nb": "1 234 500 VND"},
}


@pytest.mark.parametrize("currency", SUMS)
@pytest.mark.parametrize("language", ["en", "nb"])
@pytest.mark.parametrize("owed", BILLS)
@pytest.mark.parametrize("house", [0, 1])
@pytest.mark.django_db
def test_every_sms_of_ours_is_one_segment(
    currency: str, language: str, owed: str, house: int, settings: Settings
) -> None:
    settings.PUBLIC_SCHEME, settings.PUBLIC_HOST = "https", ""
    # A code is longer than "kr", in two sums: Bokmål has room for a name of 18 letters then.
    name = OPERATORS[house] if language == "en" or currency in ("NOK", "EUR") else OPERATORS[house][:18]
    operator = world.operator("o", host=HOSTS[house], name=name, is_default=False, currency=currency)
    customer = world.customer(operator, language=language)
    entity = world.legal_entity(operator)
    for number, (kind, amount) in enumerate(BILLS[owed]):
        due_on = (NOW - timedelta(days=number)).date()
        world.bill(world.account(customer, entity, kind), amount, currency=currency, due_on=due_on)
    link = links.create(customer=customer, currency=currency, actor="system:test", now=NOW, lifetime=timedelta(days=2))
    facts = {"amount": 1234500, "currency": currency, "names": {"en": "Sports, films and 10 GB"}}
    for name in sorted(OCCASIONS, key="receipt".__eq__):
        message = told(customer, name, link, context=facts | ({"fee": 3500} if name == "late_fee" else {}))
        outgoing = spoken(message, "sms")
        size = segments.measure(outgoing.text)
        assert (size.encoding, size.segments) == ("GSM-7", 1), outgoing.text
        assert operator.name in outgoing.body
        assert codes.shown(outgoing.code) in outgoing.body
        assert outgoing.address.startswith(f"https://{operator.host}/") == bool(OCCASIONS[name].opens)
        if OCCASIONS[name].purpose == "debt":
            assert SUMS[currency][language] in outgoing.body
            number = {"en": f"{len(BILLS[owed])} bill", "nb": f"{len(BILLS[owed])} regning"}[language]
            assert number in outgoing.body or (owed == "one" and "Broadband and TV" in outgoing.body)


@pytest.mark.parametrize("language, fee", [("en", "Fee NOK 35.00 from 5 Dec"), ("nb", "Gebyr 35,00 kr fra 5. des.")])
def test_an_sms_keeps_no_fee_back(kari: Customer, link: PaymentLink, language: str, fee: str) -> None:
    message = told(kari, "reminder", link)
    message.language = language
    body = spoken(message, "sms").body
    assert fee in body.splitlines()
    assert segments.measure(body).segments == 1
    message.operator.name = "A name that takes a lot of room, and then some more, and more still"
    body = spoken(message, "sms").body
    assert fee in body.splitlines(), "even where it takes a second segment"
    assert segments.measure(body).segments == 2


def test_an_sms_says_as_much_as_fits(kari: Customer, link: PaymentLink) -> None:
    body = spoken(told(kari, "link", link), "sms").body
    assert body.splitlines()[:3] == ["Brisvik", "2 bills, NOK 1,047.00", "First due 10 Nov"]
    assert "Works until" in body
    kari.operator.name = "A name that takes a lot of room, and then some"
    long = told(kari, "link", link)
    long.operator = kari.operator
    body = spoken(long, "sms").body
    assert "2 bills, NOK 1,047.00" in body
    assert "First due" not in body
    assert segments.measure(body).segments == 1


def test_an_sms_names_one_bill_by_its_name(kari: Customer, link: PaymentLink) -> None:
    kari.accounts.get(number="20462").invoices.update(status="void")
    body = spoken(told(kari, "link", link), "sms").body
    assert "Broadband and TV, NOK 648.00" in body


@pytest.mark.parametrize("medium", ["whatsapp", "email"])
def test_where_there_is_room_the_bills_are_listed(kari: Customer, link: PaymentLink, medium: str) -> None:
    body = spoken(told(kari, "link", link), medium).body
    assert "Broadband and TV: NOK\u00a0648.00, was due" in body
    assert "Mobile: NOK\u00a0399.00, due" in body
    assert "NOK\u00a01,047.00" in body


def test_what_is_owed_is_what_is_owed_now(kari: Customer, link: PaymentLink) -> None:
    message = told(kari, "link", link)
    assert "1,047.00" in said(message)
    pay(link)
    later = said(Message.objects.get(pk=message.pk))
    assert "1,047.00" not in later
    assert "bill" not in later
    assert "Brisvik" in later


def test_a_long_list_ends(kari: Customer, link: PaymentLink) -> None:
    account = kari.accounts.all()[0]
    for _ in range(12):
        world.bill(account, now=timezone.now())
    body = spoken(told(kari, "link", link), "email").body
    assert body.count("NOK") == 10 + 1
    assert "and 4 more bills" in body


def test_dates_are_where_the_operator_is(kari: Customer) -> None:
    message = write(kari, context=FACTS)
    assert "23 December" in said(message)
    message.language = "nb"
    assert "23. desember" in said(message)


def test_a_link_says_until_when_it_lasts(kari: Customer, link: PaymentLink) -> None:
    assert "Works until 13:00\n" in said(told(kari, "link", link))
    longer = links.create(customer=kari, currency="NOK", actor="system:test", now=NOW, lifetime=timedelta(days=1))
    assert "until 23\u00a0November, 11:00." in said(told(kari, "link", longer), "whatsapp")


@pytest.mark.parametrize("name", [name for name, occasion in OCCASIONS.items() if occasion.opens == "link"])
def test_what_a_link_opens_must_be_open(kari: Customer, link: PaymentLink, name: str) -> None:
    message = told(kari, name, link)
    links.revoke(link, actor="system:test", now=NOW)
    with pytest.raises(wording.CannotSay):
        spoken(Message.objects.get(pk=message.pk), "sms")


def test_a_customer_who_speaks_what_the_operator_does_not_is_spoken_to_in_its_first_language(kari: Customer) -> None:
    kari.language = "ar"
    kari.save()
    assert write(kari).language == "nb"


@pytest.mark.parametrize("name", OCCASIONS)
def test_nothing_personal_is_in_any_message(kari: Customer, link: PaymentLink, name: str) -> None:
    message = told(kari, name, link)
    for medium in CARRIERS:
        text = said(message, medium)
        for private in ("Kari", "Holt", kari.reference, "20462", "40 GB", "900123", kari.email):
            assert private not in text.replace(spoken_address(text), "")


def spoken_address(text: str) -> str:
    """Its letters are random and may spell anything."""
    return next((word for word in text.split() if word.startswith("http") and "/verify" not in word), "\0")


def test_a_one_time_code_is_made_at_the_moment_of_sending(kari: Customer, link: PaymentLink) -> None:
    message = told(kari, "pin_code", link)
    assert not OneTimeCode.objects.exists()
    first, second = (spoken(message, "sms") for _ in range(2))
    digits = second.body.splitlines()[1].split()[0]
    assert digits.isdecimal()
    assert digits not in first.body
    assert second.body.endswith(f"@testserver #{digits}"), "phones offer it to our own pages alone"
    assert digits not in second.subject
    assert pins.check(link, digits, NOW) is pins.Checked.RIGHT


EVIL = [
    "<script>alert(1)</script>",
    "{{ settings.SECRET_KEY }}{% debug %}",
    "{code} {link} {operator.pk} {0.__class__}",
    "a\nLabel: evil\n\nb",
    "a\r\nSubject: evil",
    "a\u2028b",
    "%(operator)s %s",
    "\u202egnp",
]


@pytest.mark.parametrize("medium", [*CARRIERS, "outbox"])
def test_a_name_is_text_and_nothing_else(kari: Customer, medium: str) -> None:
    """CASES attack 11."""
    for number, evil in enumerate(EVIL):
        outgoing = spoken(write(kari, f"on:{number}", context={"names": {"en": evil}}), medium)
        shown = " ".join(evil.splitlines())
        assert shown in outgoing.body
        assert shown in outgoing.subject
        assert outgoing.address_label == ""


def own(customer: Customer, medium: str, body: str, **more: object) -> MessageTemplate:
    values: dict[str, object] = {"name": "link", "language": "en", "changed_at": NOW} | more
    return MessageTemplate.objects.create(operator=customer.operator, medium=medium, body=body, **values)


def test_an_operators_own_words_are_used(kari: Customer, link: PaymentLink) -> None:
    own(kari, "sms", "Hi from {operator}: {total}. {link} {code}")
    message = told(kari, "link", link)
    assert spoken(message, "sms").body.startswith("Hi from Brisvik: NOK 1,047.00. http")
    assert spoken(message).address_label == "See and pay", "a button without words of its own has ours"
    assert "Here are your bills" in spoken(message, "whatsapp").body
    message.language = "nb"
    assert "Se og betal" in spoken(message, "sms").body


def test_own_words_with_a_placeholder_that_is_gone_give_way_to_ours(kari: Customer, link: PaymentLink) -> None:
    own(kari, "sms", "{operator.gateway_account} {link} {code}")
    assert "2 bills" in spoken(told(kari, "link", link), "sms").body


def test_an_approved_template_gets_its_words_in_order(kari: Customer, link: PaymentLink) -> None:
    text = "{operator}: {items}. {total}, {scan} {link}, {operator} {code}"
    own(kari, "whatsapp", text, carrier_name="bills_v2")
    outgoing = spoken(told(kari, "link", link), "whatsapp")
    assert outgoing.carrier_template == "bills_v2"
    operator, items, total, scan, address, code = outgoing.parameters
    assert (operator, total, scan) == ("Brisvik", "NOK\u00a01,047.00", "–")
    assert "; " in items
    assert "\n" not in "".join(outgoing.parameters)
    assert (address, code) == (outgoing.address, codes.shown(outgoing.code))
    assert spoken(told(kari, "reminder", link), "whatsapp").parameters == ()


def test_whatsapp_shows_a_picture_where_the_operator_chose_it(kari: Customer, link: PaymentLink) -> None:
    from io import BytesIO

    import zxingcpp
    from PIL import Image

    MessagingPolicy.objects.create(operator=kari.operator, whatsapp_shows="qr")
    outgoing = spoken(told(kari, "link", link), "whatsapp")
    assert links.rest(link) not in outgoing.text
    assert "Point a phone’s camera at the code." in outgoing.body
    assert "Total: NOK\u00a01,047.00" in outgoing.body
    [found] = zxingcpp.read_barcodes(Image.open(BytesIO(outgoing.image)))
    assert found.text.casefold() == links.url(link).casefold()
    assert outgoing.image_address == f"{links.origin(kari.operator)}/q/{link.selector}/{links.rest(link)}.jpg"
    # Only there, and only where there is something to open with it.
    assert spoken(told(kari, "link", link), "sms").image == b""
    assert spoken(told(kari, "on"), "whatsapp").image == b""


def test_what_is_sent_is_what_was_said(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    messages.deliver(message.pk, NOW)
    arrived = replace(phone.arrived[0], handover="", account="default", callback="")
    assert arrived == wording.outgoing(Message.objects.get(pk=message.pk), channels.get("outbox"), NOW)
