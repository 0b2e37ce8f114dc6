"""Text and addresses made at the moment of sending, in the customer's language."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings as site

from billing import links
from billing.models import Customer, PaymentLink
from payportal.messaging import channels, messages, wording
from payportal.messaging.models import Message
from tests.payportal.messaging.story import NOW, ScriptedPhone, write

FACTS = {"names": {"en": "Films", "nb": "Film"}, "until": "2026-12-22T23:30:00+00:00", "amount": 1, "currency": "NOK"}
NAMES = ("link", "receipt", "on", "again", "delayed")


def said(message: Message, reaches: str = "phone") -> str:
    text = wording.outgoing(message, reaches, NOW)  # type: ignore[arg-type]
    return "\n".join((text.subject, text.body, text.address_label))


@pytest.mark.parametrize("channel", sorted(channels.REGISTRY))
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", [code for code, _ in site.LANGUAGES])
def test_every_template_speaks_on_every_channel_in_every_language(
    kari: Customer, link: PaymentLink, language: str, name: str, channel: str
) -> None:
    message = write(kari, template=name, context=FACTS, link=link)
    message.language, message.channel = language, channel
    text = said(message, channels.get(channel).reaches)
    assert text.strip()
    for left_over in ("{%", "{{", "None", "%(", "&"):
        assert left_over not in text
    if channel == "email":
        assert wording.outgoing(message, "email", NOW).subject


def test_dates_are_where_the_operator_is(kari: Customer) -> None:
    message = write(kari, context=FACTS)
    assert "23\u00a0December" in said(message)
    message.language = "nb"
    assert "23.\u00a0desember" in said(message)


def test_a_link_says_until_when_it_lasts(kari: Customer, link: PaymentLink) -> None:
    assert "until 13:00." in said(write(kari, template="link", context={}, link=link))
    longer = links.create(customer=kari, currency="NOK", actor="system:test", now=NOW, lifetime=timedelta(days=1))
    text = said(write(kari, "link:2", template="link", context={}, link=longer))
    assert "until 23\u00a0November, 11:00." in text


def test_a_customer_who_speaks_what_the_operator_does_not_is_spoken_to_in_its_first_language(kari: Customer) -> None:
    kari.language = "ar"
    kari.save()
    assert write(kari).language == "nb"


def test_nothing_personal_is_in_any_message(kari: Customer, link: PaymentLink) -> None:
    for name in NAMES:
        text = said(write(kari, name, template=name, context=FACTS, link=link))
        assert "Kari" not in text
        assert kari.reference not in text


EVIL = [
    "<script>alert(1)</script>",
    "{{ settings.SECRET_KEY }}{% debug %}",
    "a\nLabel: evil\n\nb",
    "a\r\nSubject: evil",
    "a\u2028b",
    "%(operator)s %s",
    "\u202egnp",
]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("channel", ["outbox", "email"])
def test_a_name_is_text_and_nothing_else(kari: Customer, evil: str, channel: str) -> None:
    """CASES attack 11."""
    message = write(kari, context={"names": {"en": evil}})
    message.channel = channel
    outgoing = wording.outgoing(message, "phone", NOW)
    shown = " ".join(evil.splitlines())
    assert shown in outgoing.body
    assert shown in outgoing.subject
    assert outgoing.address_label == ""


def test_what_is_sent_is_what_was_said(kari: Customer, phone: ScriptedPhone) -> None:
    message = write(kari)
    messages.deliver(message.pk, NOW)
    assert replace(phone.arrived[0]) == wording.outgoing(message, "phone", NOW)
