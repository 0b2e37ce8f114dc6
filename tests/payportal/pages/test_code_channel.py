"""Which way a one-time code goes: to the phone wherever there is one, for whoever reads a mailbox may hold the link."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from billing import links
from billing.models import Customer, Operator, PaymentLink
from payportal.messaging import policies
from payportal.messaging.accounts import TwilioAccount
from payportal.messaging.models import Message, MessagingPolicy
from payportal.pages import operators

PHONE_WORDS = "It goes to the number we have for you"
MAIL_WORDS = "It goes to the e-mail address we have for you"


@pytest.fixture(autouse=True)
def _empty(valkey_url: str) -> None:
    """What the test before counted is forgotten."""


@pytest.fixture
def mailed(link: PaymentLink) -> PaymentLink:
    """A link that came by e-mail, to a customer who has a number too."""
    PaymentLink.objects.filter(pk=link.pk).update(via="email", ways=" email ")
    Customer.objects.filter(pk=link.customer_id).update(email="kari@example.no")
    link.refresh_from_db()
    return link


def speaks_by(link: PaymentLink, channel: str, second: str = "") -> None:
    Operator.objects.filter(pk=link.operator_id).update(channel=channel)
    MessagingPolicy.objects.update_or_create(operator_id=link.operator_id, defaults={"fallback_channel": second})
    operators.forget()


def ask_for_code(phone: Client, link: PaymentLink, language: str = "en") -> str:
    phone.get(f"{links.path(link)}?lang={language}")
    token = phone.cookies["csrftoken"].value
    return phone.post(f"/p/{link.selector}/code", {"csrfmiddlewaretoken": token}).content.decode()


def sent_by() -> str:
    return Message.objects.get(template="pin_code").channel


def test_it_works(phone: Client, mailed: PaymentLink) -> None:
    assert PHONE_WORDS in ask_for_code(phone, mailed)
    assert sent_by() == "outbox"


def test_asked_for_twice_it_goes_once_and_the_words_are_the_same(phone: Client, mailed: PaymentLink) -> None:
    assert PHONE_WORDS in ask_for_code(phone, mailed)
    assert PHONE_WORDS in ask_for_code(phone, mailed)
    assert sent_by() == "outbox"


def test_the_way_that_the_link_came_where_that_is_a_phones(phone: Client, link: PaymentLink) -> None:
    PaymentLink.objects.filter(pk=link.pk).update(via="whatsapp_cloud")
    assert PHONE_WORDS in ask_for_code(phone, link)
    assert sent_by() == "whatsapp_cloud"


def test_the_operators_second_channel_where_the_first_is_mail(phone: Client, mailed: PaymentLink) -> None:
    speaks_by(mailed, "email", "twilio_whatsapp")
    assert PHONE_WORDS in ask_for_code(phone, mailed)
    assert sent_by() == "twilio_whatsapp"


def test_else_whatever_account_can_send_sms(phone: Client, mailed: PaymentLink, settings: Settings) -> None:
    """Not WhatsApp: there a code needs a template that was approved."""
    speaks_by(mailed, "email")
    settings.TWILIO_ACCOUNTS = {"default": TwilioAccount("AC1", "secret", sms_from="Brisvik", whatsapp_from="+4712")}
    assert PHONE_WORDS in ask_for_code(phone, mailed)
    assert sent_by() == "twilio_sms"


@pytest.mark.parametrize(
    "account", [TwilioAccount("AC1", "secret"), TwilioAccount("AC1", "secret", whatsapp_from="+4712")]
)
def test_by_mail_alone_the_page_says_so(
    phone: Client, mailed: PaymentLink, settings: Settings, account: TwilioAccount
) -> None:
    speaks_by(mailed, "email")
    settings.TWILIO_ACCOUNTS = {"default": account}
    shown = ask_for_code(phone, mailed)
    assert MAIL_WORDS in shown
    assert PHONE_WORDS not in shown
    assert sent_by() == "email"


def test_somebody_elses_account_is_not_the_operators(phone: Client, mailed: PaymentLink, settings: Settings) -> None:
    speaks_by(mailed, "email")
    settings.TWILIO_ACCOUNTS = {"solmara": TwilioAccount("AC1", "secret", sms_from="Solmara")}
    assert MAIL_WORDS in ask_for_code(phone, mailed)
    assert sent_by() == "email"


def test_who_has_no_number_gets_it_by_mail(phone: Client, mailed: PaymentLink) -> None:
    Customer.objects.filter(pk=mailed.customer_id).update(phone="")
    assert MAIL_WORDS in ask_for_code(phone, mailed)
    assert sent_by() == "email"


def test_its_words(phone: Client, mailed: PaymentLink) -> None:
    Customer.objects.filter(pk=mailed.customer_id).update(phone="")
    assert "e-postadressen vi har for deg" in ask_for_code(phone, mailed, "nb")


@pytest.mark.parametrize("template, second", [("pin_code", ""), ("link", "email")])
def test_a_code_that_the_phone_refused_is_not_mailed_after_all(mailed: PaymentLink, template: str, second: str) -> None:
    speaks_by(mailed, "outbox", "email")
    now = timezone.now()
    message = Message.objects.create(
        operator=Operator.objects.get(pk=mailed.operator_id),
        customer=mailed.customer,
        link=mailed,
        reference=f"{template}:1",
        template=template,
        language="en",
        channel="outbox",
        created_at=now,
        next_attempt_at=now,
    )
    assert policies.second_channel(message) == second
