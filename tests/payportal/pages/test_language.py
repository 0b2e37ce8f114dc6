"""Which language a page speaks."""

import pytest
from django.test import Client
from django.utils import translation

from billing import links
from billing.models import Customer, PaymentLink
from payportal.pages import language, wording


@pytest.mark.parametrize(
    "accepted, words",
    [
        ("en-GB,en;q=0.9", "To pay now:"),
        ("nb-NO,nb;q=0.9", "Å betale nå:"),
        ("no", "Å betale nå:"),
        ("nn", "Å betale nå:"),
    ],
)
def test_it_speaks_what_the_phone_asks_for(phone: Client, link: PaymentLink, accepted: str, words: str) -> None:
    shown = phone.get(links.path(link), headers={"accept-language": accepted}).content.decode()
    assert words in shown


def test_the_customers_language_speaks_where_the_phone_asks_for_none_of_ours(
    phone: Client, customer: Customer, link: PaymentLink
) -> None:
    Customer.objects.filter(pk=customer.pk).update(language="nb")
    shown = phone.get(links.path(link), headers={"accept-language": "fr-FR"}).content.decode()
    assert '<html lang="nb"' in shown
    assert "1\u00a0047,00" in shown
    assert "12 dager over fristen" in shown


def test_a_choice_is_kept(phone: Client, link: PaymentLink) -> None:
    phone.get(links.path(link) + "?lang=nb")
    assert "Regningene dine" in phone.get(links.path(link)).content.decode()


def test_only_the_operators_languages_are_spoken(phone: Client, link: PaymentLink) -> None:
    shown = phone.get(links.path(link) + "?lang=ar", headers={"accept-language": "ar"}).content.decode()
    assert '<html lang="en"' in shown


def test_arabic_is_right_to_left(phone: Client, customer: Customer) -> None:
    shown = phone.get("/p/x/y", headers={"host": "solmara.localhost", "accept-language": "ar"}).content.decode()
    assert '<html lang="ar" dir="rtl">' in shown
    assert "هذا الرابط لم يعد يعمل" in shown


@pytest.mark.parametrize("tag, found", [("en-us", "en"), ("nb-no", "nb"), ("no", "nb"), ("de", None), ("*", None)])
def test_tags(tag: str, found: str | None) -> None:
    assert language.match(tag, ["nb", "en"]) == found


@pytest.mark.parametrize(
    ("spoken", "said"),
    [
        ("en", "Apple Pay, card ending 4242"),
        ("nb", "Apple Pay, "),
        ("ar", "Apple Pay\N{ARABIC COMMA} "),
    ],
)
def test_the_comma_is_the_languages_own(spoken: str, said: str) -> None:
    with translation.override(spoken):
        assert wording.method("apple_pay", "4242").startswith(said)
