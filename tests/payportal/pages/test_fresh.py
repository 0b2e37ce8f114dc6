"""A link that has ended: its page sends a fresh one to the number on file, and tells nobody anything else."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from billing import links
from billing.models import Customer, Operator, PaymentLink
from payportal.messaging import contacts
from payportal.messaging.models import Message
from payportal.pages import access, fresh
from tests import world
from tests.payportal.pages.conftest import PHONE

ON_ITS_WAY = "Look at your messages"
ACTOR = "system:test"


@pytest.fixture(autouse=True)
def _empty(valkey_url: str) -> None:
    """What the test before counted is forgotten."""


@pytest.fixture
def ended(link: PaymentLink) -> PaymentLink:
    links.revoke(link, actor=ACTOR, now=timezone.now())
    return link


def press(phone: Client, path: str) -> HttpResponse:
    """Open an address and press the page's button."""
    shown = phone.get(path)
    assert shown.status_code == 404
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', shown.content.decode())
    return phone.post(path, {"again": "1", "csrfmiddlewaretoken": token[0]})  # type: ignore[return-value]


def sent() -> list[Message]:
    return list(Message.objects.filter(template="fresh_link").select_related("link", "customer"))


def test_it_works(phone: Client, ended: PaymentLink) -> None:
    answer = press(phone, links.path(ended))
    assert answer.status_code == 200
    assert ON_ITS_WAY in answer.content.decode()
    (message,) = sent()
    assert message.customer == ended.customer
    assert message.link
    assert message.link.renews == ended
    assert phone.get(links.path(message.link)).status_code == 200


@pytest.mark.parametrize("why", ["stopped", "by mail alone", "neither"])
def test_what_the_answer_says_is_true_of_everybody(phone: Client, ended: PaymentLink, why: str) -> None:
    """Who wrote STOP gets nothing, and who has no number gets a mail: nothing is said to be coming, nor where to."""
    usual = press(phone, f"/p/{'A' * 11}/{'A' * 27}").content
    if why == "stopped":
        contacts.mark(ended.operator, "sms", ended.customer.phone, "opted_out", timezone.now())
    else:
        mail = "kari@example.no" if why == "by mail alone" else ""
        Customer.objects.filter(pk=ended.customer_id).update(phone="", email=mail)
    answer = press(phone, links.path(ended))
    assert answer.content == usual
    said = answer.content.decode()
    for promise in ("on its way", "number we have"):
        assert promise not in said
    assert "If nothing comes within a few minutes, call us." in said
    assert f'href="tel:{ended.operator.help_phone}"' in said


def test_the_page_promises_no_number_either(phone: Client, ended: PaymentLink) -> None:
    shown = phone.get(links.path(ended)).content.decode()
    assert "We send it only to the phone number or e-mail address that we have for you." in shown


def test_opening_it_sends_nothing(phone: Client, ended: PaymentLink) -> None:
    for method in (phone.get, phone.head):
        method(links.path(ended))
        method(links.path(ended) + "?again=1")
    assert sent() == []


def test_the_answer_says_nothing_of_the_customer(phone: Client, ended: PaymentLink) -> None:
    shown = press(phone, links.path(ended)).content.decode()
    for private in ("Kari", "Holt", "7700", "900123", "1,047", ended.selector):
        assert private not in shown


@pytest.mark.parametrize("end", ["expired", "revoked", "renewed"])
def test_however_it_ended(phone: Client, link: PaymentLink, now: datetime, end: str) -> None:
    if end == "expired":
        link = links.create(customer=link.customer, currency="NOK", actor=ACTOR, now=now - timedelta(days=90))
    elif end == "revoked":
        links.revoke(link, actor=ACTOR, now=now)
    else:
        links.renew(link, actor=ACTOR, now=now - timedelta(minutes=5))
    press(phone, links.path(link))
    assert len(sent()) == 1


def test_at_the_address_that_says_nothing_a_second_cookie_tells(phone: Client, link: PaymentLink) -> None:
    phone.get(links.path(link))
    cookie = phone.cookies[access.AGAIN]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (f"/p/{link.selector}/", True, "Lax")
    links.revoke(link, actor=ACTOR, now=timezone.now())
    del phone.cookies["link"]  # browsers drop it when the link ends
    press(phone, f"/p/{link.selector}/")
    assert len(sent()) == 1


def test_the_second_cookie_alone_opens_nothing(phone: Client, link: PaymentLink) -> None:
    phone.get(links.path(link))
    del phone.cookies["link"]
    assert phone.get(f"/p/{link.selector}/").status_code == 404
    assert phone.get(f"/p/{link.selector}/state").json() == {"known": False, "go": None}


def test_a_form_that_came_too_late_leads_to_the_button(phone: Client, link: PaymentLink) -> None:
    """Without JavaScript the answer stands at the form's own address, and its button posts there."""
    page = phone.get(links.path(link)).content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    links.revoke(link, actor=ACTOR, now=timezone.now())
    late = phone.post(f"/p/{link.selector}/sum", {"bill": ["1"], "csrfmiddlewaretoken": token})
    assert late.status_code == 404
    assert "Get a new link" in late.content.decode()
    assert sent() == []
    again = phone.post(f"/p/{link.selector}/sum", {"again": "1", "csrfmiddlewaretoken": token})
    assert ON_ITS_WAY in again.content.decode()
    assert len(sent()) == 1


def end_with_its_cookie(phone: Client, link: PaymentLink) -> str:
    """The link's time is over while its page is open, and the browser drops its cookie; the page's CSRF token."""
    page = phone.get(links.path(link)).content.decode()
    links.revoke(link, actor=ACTOR, now=timezone.now())
    del phone.cookies["link"]
    return str(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0])


@pytest.mark.parametrize(
    "where, form",
    [("pin", {"pin": "4711"}), ("code", {}), ("sum", {"bill": ["1"]}), ("takeover", {}), ("out", {})],
)
def test_a_form_that_was_open_when_the_link_ended_leads_to_the_button(
    phone: Client, link: PaymentLink, where: str, form: dict[str, object]
) -> None:
    """The link's cookie went with the link: nobody is told to allow cookies who does."""
    token = end_with_its_cookie(phone, link)
    late = phone.post(f"/p/{link.selector}/{where}", {**form, "csrfmiddlewaretoken": token})
    assert late.status_code == 404
    assert "Get a new link" in late.content.decode()
    assert sent() == []
    for _ in range(2):
        again = phone.post(f"/p/{link.selector}/{where}", {"again": "1", "csrfmiddlewaretoken": token})
        assert ON_ITS_WAY in again.content.decode()
    assert len(sent()) == 1


def test_who_takes_no_cookies_is_still_told_of_them(phone: Client, link: PaymentLink) -> None:
    token = end_with_its_cookie(phone, link)
    del phone.cookies[access.AGAIN]
    assert phone.post(f"/p/{link.selector}/pin", {"pin": "1", "csrfmiddlewaretoken": token}).status_code == 403


def test_a_made_up_second_cookie_costs_no_query(phone: Client, link: PaymentLink) -> None:
    token = end_with_its_cookie(phone, link)
    phone.cookies[access.AGAIN] = "A" * 27
    with CaptureQueriesContext(connection) as asked:
        assert phone.post(f"/p/{link.selector}/pin", {"pin": "1", "csrfmiddlewaretoken": token}).status_code == 404
    assert len(asked) == 0


@pytest.fixture
def pressed(customer: Customer, ended: PaymentLink, now: datetime) -> dict[str, str]:
    """Addresses whose button is pressed, each of another kind."""
    other = links.create(
        customer=world.customer(Operator.objects.get(code="solmara")), currency="EUR", actor=ACTOR, now=now
    )
    nobody = links.create(customer=world.customer(customer.operator, phone=""), currency="NOK", actor=ACTOR, now=now)
    links.revoke(nobody, actor=ACTOR, now=now)
    return {
        "ended": links.path(ended),
        "without a number": links.path(nobody),
        "unknown": "/p/AAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "garbage": "/p/x/y",
        "another operator's": links.path(other),
        "no cookie": f"/p/{ended.selector}/",
        "deeper": links.path(ended) + "/more",
        "status": "/s/" + "A" * 44,
        "receipt": "/r/" + "A" * 45,
    }


def test_the_answer_is_the_same_for_all(phone: Client, pressed: dict[str, str]) -> None:
    answers = {why: press(phone, path) for why, path in pressed.items()}
    first = answers["ended"]
    for why, answer in answers.items():
        assert answer.status_code == 200, why
        assert answer.content == first.content, why
        assert sorted(answer.headers) == sorted(first.headers), why
    assert len(sent()) == 1


@pytest.mark.parametrize(
    "why", ["unknown", "garbage", "another operator's", "no cookie", "deeper", "status", "receipt"]
)
def test_a_strangers_button_costs_no_query(phone: Client, pressed: dict[str, str], why: str) -> None:
    phone.get("/p/x/y")  # the operators are read
    with CaptureQueriesContext(connection) as asked:
        press(phone, pressed[why])
    assert len(asked) == 0


def test_without_its_token_nothing_is_sent(phone: Client, ended: PaymentLink) -> None:
    assert phone.post(links.path(ended), {"again": "1"}).status_code == 403
    assert sent() == []


def test_a_link_that_works_is_shown_whatever_is_posted(phone: Client, link: PaymentLink) -> None:
    page = phone.get(links.path(link)).content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    answer = phone.post(links.path(link), {"again": "1", "csrfmiddlewaretoken": token})
    assert (answer.status_code, answer.headers["Location"]) == (302, links.path(link))
    assert sent() == []


def test_pressing_twice_sends_one(phone: Client, ended: PaymentLink) -> None:
    first, second = press(phone, links.path(ended)), press(phone, links.path(ended))
    assert first.content == second.content
    assert len(sent()) == 1


def later(link: PaymentLink) -> None:
    """As if the fresh links of it had been made long ago."""
    PaymentLink.objects.filter(renews=link).update(created_at=timezone.now() - timedelta(minutes=5))


def test_a_link_sends_a_few_an_hour_and_says_the_same(phone: Client, ended: PaymentLink) -> None:
    answers = []
    for _ in range(fresh.PER_LINK[1][0] + 2):
        answers.append(press(phone, links.path(ended)).content)
        later(ended)
    assert len(sent()) == fresh.PER_LINK[1][0]
    assert len(set(answers)) == 1


def test_a_customer_gets_a_few_a_day_by_whatever_links(phone: Client, customer: Customer, now: datetime) -> None:
    for _ in range(fresh.PER_CUSTOMER[1][0] + 2):
        old = links.create(customer=customer, currency="NOK", actor=ACTOR, now=now - timedelta(days=2))
        press(phone, links.path(old))
    assert len(sent()) == fresh.PER_CUSTOMER[1][0]


def test_many_neighbours_behind_one_address_all_get_theirs(customer: Customer, now: datetime) -> None:
    for _ in range(12):
        neighbour = world.customer(customer.operator)
        old = links.create(customer=neighbour, currency="NOK", actor=ACTOR, now=now - timedelta(days=2))
        press(Client(enforce_csrf_checks=True, headers={"user-agent": PHONE}), links.path(old))
    assert len(sent()) == 12


def test_with_valkey_down_it_is_closed_for_all_alike(
    phone: Client, pressed: dict[str, str], link: PaymentLink, settings: Settings
) -> None:
    good = links.create(customer=link.customer, currency="NOK", actor=ACTOR, now=timezone.now())
    settings.REDIS_URL = "unix:///nowhere/at/all?db=0"
    answers = [press(phone, path) for path in pressed.values()]
    assert {answer.status_code for answer in answers} == {503}
    assert len({answer.content for answer in answers}) == 1
    assert "We can’t send links just now" in answers[0].content.decode()
    assert sent() == []
    # Pages stay open.
    assert phone.get(links.path(good)).status_code == 200


@pytest.mark.parametrize("language, words", [("nb", "Få en ny lenke"), ("en", "Get a new link")])
def test_its_words(phone: Client, ended: PaymentLink, language: str, words: str) -> None:
    assert words in phone.get(f"{links.path(ended)}?lang={language}").content.decode()


@pytest.mark.parametrize("changed", [lambda text: "A" + text[1:], lambda text: text.swapcase(), lambda text: ""])
def test_an_altered_second_cookie_sends_nothing(
    phone: Client, ended: PaymentLink, changed: Callable[[str], str]
) -> None:
    phone.cookies[access.AGAIN] = changed(links.again_value(ended))
    press(phone, f"/p/{ended.selector}/")
    assert sent() == []
