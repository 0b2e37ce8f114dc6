"""Ticking: the server sums up, for htmx a piece and without JavaScript the whole page."""

import json
import re

import pytest
from django.test import Client

from activation.models import Package
from billing import links
from billing.models import Invoice, Operator, PaymentLink
from tests import world

HTMX = {"hx-request": "true"}


@pytest.fixture
def token(phone: Client, link: PaymentLink) -> str:
    """The CSRF token of the opened page."""
    shown = phone.get(links.path(link)).content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', shown)
    assert found
    return found[1]


def ticked(*bills: Invoice, packages: list[Package] | None = None, **more: object) -> dict[str, object]:
    keys = [package.pk for package in packages or []]
    return {"bill": [bill.pk for bill in bills], "package": keys, **more}


def owed(link: PaymentLink) -> list[Invoice]:
    return list(Invoice.objects.of_customer(link.customer_id, "NOK").owed().late_first())


def test_it_works(phone: Client, link: PaymentLink, token: str) -> None:
    films = Package.objects.get(operator=link.operator, code="films")
    form = ticked(owed(link)[0], packages=[films], csrfmiddlewaretoken=token)
    answer = phone.post(f"/p/{link.selector}/sum", form, headers=HTMX)
    piece = answer.content.decode()
    assert json.loads(answer.headers["HX-Trigger"]) == {"sum": {"amount": 77700, "currency": "nok"}}
    assert 'value="77700"' in piece
    assert piece.count("hx-swap-oob") == 4
    assert "<html" not in piece


def test_nothing_ticked_is_a_sum_of_nothing(phone: Client, link: PaymentLink, token: str) -> None:
    answer = phone.post(f"/p/{link.selector}/sum", ticked(csrfmiddlewaretoken=token), headers=HTMX)
    assert json.loads(answer.headers["HX-Trigger"])["sum"]["amount"] == 0
    assert "Choose what to pay" in answer.content.decode()


def test_without_javascript_the_whole_page_comes_back(phone: Client, link: PaymentLink, token: str) -> None:
    late, other = owed(link)
    shown = phone.post(f"/p/{link.selector}/sum", ticked(other, csrfmiddlewaretoken=token)).content.decode()
    assert "399.00" in shown
    assert f'value="{other.pk}" checked' in shown
    assert f'value="{late.pk}"><' in shown
    assert "Show the sum" in shown
    assert "Paying here needs JavaScript" in shown


def test_a_reload_of_the_forms_address_is_the_page(phone: Client, link: PaymentLink, token: str) -> None:
    answer = phone.get(f"/p/{link.selector}/sum")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/p/{link.selector}/")


def test_a_bill_that_was_paid_meanwhile_brings_the_new_page(phone: Client, link: PaymentLink, token: str) -> None:
    late, other = owed(link)
    Invoice.objects.filter(pk=late.pk).update(status="uncollectible")
    form = ticked(late, other, csrfmiddlewaretoken=token)
    answer = phone.post(f"/p/{link.selector}/sum", form, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/p/{link.selector}/?changed=1"
    assert "The bill changed a moment ago." in phone.get(f"/p/{link.selector}/?changed=1").content.decode()


def test_somebody_elses_bill_is_not_summed(phone: Client, link: PaymentLink, token: str) -> None:
    stranger = world.customer(link.operator)
    bill = world.bill(world.account(stranger, link.operator.legal_entities.get()), 100)
    answer = phone.post(f"/p/{link.selector}/sum", ticked(bill, csrfmiddlewaretoken=token), headers=HTMX)
    assert "HX-Trigger" not in answer.headers
    assert "HX-Redirect" in answer.headers


@pytest.mark.parametrize("field", ["bill", "package"])
@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "١", "9" * 30, "1 OR 1=1", "\x00", "1\n"])
def test_what_no_page_sends_is_refused(phone: Client, link: PaymentLink, token: str, field: str, value: str) -> None:
    answer = phone.post(f"/p/{link.selector}/sum", {field: value, "csrfmiddlewaretoken": token}, headers=HTMX)
    assert answer.status_code == 400
    assert b"Traceback" not in answer.content


def test_too_many_ticks_are_refused(phone: Client, link: PaymentLink, token: str) -> None:
    form = {"bill": list(range(150)), "csrfmiddlewaretoken": token}
    assert phone.post(f"/p/{link.selector}/sum", form).status_code == 400


@pytest.mark.parametrize("action", ["sum", "pay", "takeover"])
def test_a_post_without_its_token_gets_friendly_words(phone: Client, link: PaymentLink, action: str) -> None:
    phone.get(links.path(link))
    answer = phone.post(f"/p/{link.selector}/{action}", {})
    assert answer.status_code == 403
    assert "This page is too old" in answer.content.decode()
    assert phone.post(f"/p/{link.selector}/{action}", {}, headers={"accept": "application/json"}).json()["message"]


@pytest.mark.parametrize("action", ["sum", "pay", "takeover"])
def test_a_post_without_the_cookie_gets_friendly_words(
    phone: Client, link: PaymentLink, token: str, action: str
) -> None:
    del phone.cookies["link"], phone.cookies["again"]
    answer = phone.post(f"/p/{link.selector}/{action}", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 403
    assert "Please open your link again" in answer.content.decode()


@pytest.mark.parametrize("action", ["sum", "pay", "takeover"])
def test_a_withdrawn_link_posts_nothing(phone: Client, link: PaymentLink, token: str, action: str) -> None:
    links.revoke(link, actor="staff:1", now=link.created_at)
    answer = phone.post(f"/p/{link.selector}/{action}", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 404
    assert b"This link no longer works" in answer.content


def test_another_links_cookie_opens_nothing(phone: Client, link: PaymentLink, token: str) -> None:
    other = links.create(customer=link.customer, currency="NOK", actor="system:test", now=link.created_at)
    phone.cookies["link"] = links.cookie_value(link)
    phone.cookies["link"]["path"] = "/"
    assert phone.get(f"/p/{other.selector}/").status_code == 404
    assert Operator.objects.count() == 2
