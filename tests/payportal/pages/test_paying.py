"""Paying from a page: what the script is told, and that one link has one payment."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from activation.models import Package
from billing import links, payments
from billing.models import Invoice, LedgerEntry, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.payportal.pages.conftest import PHONE

pytestmark = pytest.mark.django_db(transaction=True)
JSON = {"accept": "application/json"}


class Phone:
    """A phone on which a link was opened."""

    def __init__(self, client: Client, link: PaymentLink) -> None:
        self.client, self.link, self.base = client, link, f"/p/{link.selector}/"
        page = client.get(links.path(link)).content.decode()
        self.version = re.findall(r'data-version="(\d+)"', page)
        self.token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)

    def state(self, paid: int = 0) -> dict[str, object]:
        answer: dict[str, object] = self.client.get(f"{self.base}state?v={self.version[0]}&paid={paid}").json()
        return answer

    def pay(self, shown: object = 104700, packages: list[int] | None = None) -> tuple[int, dict[str, str]]:
        bills = Invoice.objects.of_customer(self.link.customer_id, "NOK").owed().values_list("pk", flat=True)
        form = {"bill": list(bills), "package": packages or [], "amount_shown": shown}
        answer = self.client.post(f"{self.base}pay", {**form, "csrfmiddlewaretoken": self.token[0]}, headers=JSON)
        return answer.status_code, answer.json()


@pytest.fixture
def opened(standin: StandIn, phone: Client, link: PaymentLink) -> Phone:
    return Phone(phone, link)


def test_it_works(standin: StandIn, opened: Phone) -> None:
    status, started = opened.pay()
    assert status == 200
    assert re.fullmatch(r"http://testserver/s/[\w-]{44}", started["return_url"])
    assert world.confirm(standin, started["client_secret"])["status"] == "succeeded"
    shown = opened.client.get(started["return_url"].removeprefix("http://testserver")).content.decode()
    assert "Paid" in shown
    assert Payment.objects.get().status == "succeeded"
    world.assert_books_balance()


def test_a_page_that_is_true_may_stay(opened: Phone) -> None:
    state = opened.state()
    assert (state["known"], state["go"]) == (True, None)


def test_without_the_cookie_nothing_is_known(opened: Phone) -> None:
    opened.client.cookies.clear()
    assert opened.state() == {"known": False, "go": None}


def test_a_package_goes_with_the_bills(opened: Phone) -> None:
    films = Package.objects.get(operator=opened.link.operator, code="films")
    assert opened.pay(117600, [films.pk])[0] == 200
    assert Payment.objects.get().amount == 117600


@pytest.mark.parametrize("shown", [104701, 1, 0])
def test_another_sum_writes_nothing_and_shows_the_new_one(opened: Phone, shown: int) -> None:
    assert opened.pay(shown) == (409, {"go": f"{opened.base}?changed=1"})
    assert not Payment.objects.exists()


@pytest.mark.parametrize("shown", ["", "-1", "x", "1e9", "9" * 40])
def test_a_sum_that_is_none_is_refused(opened: Phone, shown: str) -> None:
    status, words = opened.pay(shown)
    assert status == 400
    assert words["message"] == "Nothing has been paid."
    assert not Payment.objects.exists()


def test_a_second_tap_has_the_same_intent(opened: Phone) -> None:
    assert opened.pay()[1]["client_secret"] == opened.pay()[1]["client_secret"]
    assert Payment.objects.count() == 1


def test_a_decline_leaves_the_page_payable_and_a_good_card_pays(standin: StandIn, opened: Phone) -> None:
    secret = opened.pay()[1]["client_secret"]
    world.confirm(standin, secret, world.DECLINED_CARD)
    assert opened.state()["go"] is None
    again = opened.pay()[1]["client_secret"]
    assert again == secret
    assert world.confirm(standin, again)["status"] == "succeeded"


def test_an_answer_that_never_came_leads_to_the_status_page(standin: StandIn, opened: Phone) -> None:
    started = opened.pay()[1]
    world.confirm(standin, started["client_secret"])
    # The phone lost its connection here; the page asks before it lets anybody pay again.
    assert opened.state()["go"] == started["return_url"].removeprefix("http://testserver")


def test_the_back_button_after_paying_leads_to_the_status_page(standin: StandIn, opened: Phone) -> None:
    started = opened.pay()[1]
    world.confirm(standin, started["client_secret"])
    payments.refresh(Payment.objects.get().pk, timezone.now())
    assert opened.state(paid=0)["go"] == started["return_url"].removeprefix("http://testserver")
    assert opened.state(paid=1)["go"] == f"{opened.base}?changed=1"


def test_a_second_phone_sees_that_somebody_pays_and_takes_over(opened: Phone) -> None:
    opened.pay()
    second = links.create(customer=opened.link.customer, currency="NOK", actor="system:test", now=timezone.now())
    phone = Client(enforce_csrf_checks=True, headers={"user-agent": PHONE})
    shown = phone.get(links.path(second)).content.decode()
    assert "Someone is paying this right now" in shown
    assert "1,047" not in shown
    assert phone.get(f"/p/{second.selector}/waiting").status_code == 204
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', shown)[0]
    taken = phone.post(f"/p/{second.selector}/takeover", {"csrfmiddlewaretoken": token})
    assert taken.headers["Location"] == f"/p/{second.selector}/"
    assert Payment.objects.get().status == "canceled"
    assert "1,047.00" in phone.get(taken.headers["Location"]).content.decode()
    # Twice: nobody is in the way any more, and nothing changes.
    again = phone.post(f"/p/{second.selector}/takeover", {"csrfmiddlewaretoken": token})
    assert again.headers["Location"] == f"/p/{second.selector}/"
    assert phone.get(f"/p/{second.selector}/waiting").headers["HX-Redirect"] == f"/p/{second.selector}/"


def test_a_payment_that_succeeded_is_not_taken_over(standin: StandIn, opened: Phone) -> None:
    secret = opened.pay()[1]["client_secret"]
    second = links.create(customer=opened.link.customer, currency="NOK", actor="system:test", now=timezone.now())
    phone = Client(headers={"user-agent": PHONE})
    phone.get(links.path(second))
    world.confirm(standin, secret)
    assert phone.post(f"/p/{second.selector}/takeover").headers["Location"] == f"/p/{second.selector}/?late=1"
    assert Payment.objects.get().status == "succeeded"
    assert "Nothing to pay" in phone.get(f"/p/{second.selector}/").content.decode()
    assert LedgerEntry.objects.filter(kind="payment").count() == 1


def test_only_the_browser_that_pays_is_known_to_its_status_page(standin: StandIn, opened: Phone) -> None:
    started = opened.pay()[1]
    world.confirm(standin, started["client_secret"], world.DECLINED_CARD)
    address = started["return_url"].removeprefix("http://testserver")
    cookie = opened.client.cookies["began"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (address, True, "Lax")
    assert "Try again" in opened.client.get(address).content.decode()
    elsewhere = Client(headers={"user-agent": PHONE})
    assert "Try again" not in elsewhere.get(address).content.decode()


def test_a_sum_that_stripe_refuses_leads_to_the_help_number(opened: Phone, standin: StandIn) -> None:
    """Trying again would be refused again: the page has words of its own for it."""
    page = opened.client.get(opened.base).content.decode()
    note = re.findall(r'<template data-note="refusal">(.*?)</template>', page)[0]
    assert "Please call us:" in note
    assert 'href="tel:+441632960018"' in note
    too_much = 9_999_999_99  # Stripe takes eight digits
    Invoice.objects.filter(amount=39900).update(amount=too_much)
    opened.version = re.findall(r'data-version="(\d+)"', opened.client.get(opened.base).content.decode())
    assert opened.pay(too_much + 64800) == (422, {"note": "refusal"})
    assert opened.state()["go"] is None


def test_a_silent_gateway_is_said_in_words(opened: Phone, standin: StandIn) -> None:
    standin.stop()
    assert opened.pay() == (503, {"note": "silence"})
    assert opened.state()["known"] is True
    assert Payment.objects.get().status == "created"
