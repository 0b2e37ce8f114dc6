"""Proving to be the customer on a link's page: where an operator asks, how it is tried, and what nobody learns."""

import re
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from billing import links, payments, pins
from billing.models import AccountPin, Invoice, LinkEvent, Payment, PaymentLink, PinTries, ProofRule
from billing.proofs import Action
from payportal import limits
from payportal.messaging.models import Message
from payportal.pages import operators, payer, pin_views
from tests import threads
from tests.payportal.pages.conftest import PHONE

PIN = "4711"


def rule(link: PaymentLink, action: Action, **fields: object) -> None:
    ProofRule.objects.create(operator=link.operator, action=action, **fields)


@pytest.fixture
def pinned(link: PaymentLink, now: datetime) -> PaymentLink:
    """A link whose customer has a PIN."""
    ProofRule.objects.all().delete()
    pins.set_pin(link.customer, PIN, actor="staff:1", now=now)
    return link


def post(phone: Client, link: PaymentLink, where: str, **data: object) -> object:
    token = phone.cookies["csrftoken"].value
    return phone.post(f"/p/{link.selector}/{where}", {**data, "csrfmiddlewaretoken": token})


def kinds(link: PaymentLink) -> list[str]:
    return list(LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", flat=True))


def test_without_a_rule_nobody_is_asked(pinned: PaymentLink, phone: Client) -> None:
    assert "To pay now" in phone.get(links.path(pinned)).content.decode()


def test_a_rule_for_opening_shows_nothing_before_the_pin(pinned: PaymentLink, phone: Client) -> None:
    rule(pinned, Action.OPEN)
    asked = phone.get(links.path(pinned)).content.decode()
    assert "Is it you?" in asked
    for bill in Invoice.objects.all():
        assert (bill.number or "?") not in asked
    assert "648" not in asked
    assert "Kari" not in asked
    response = post(phone, pinned, "pin", pin=PIN)
    assert (response.status_code, response["Location"]) == (303, f"/p/{pinned.selector}/")
    assert "To pay now" in phone.get(f"/p/{pinned.selector}/").content.decode()
    assert "To pay now" in phone.get(links.path(pinned)).content.decode()
    assert kinds(pinned) == ["made", "opened", "pin_asked", "pin_ok"]


def test_the_proof_lasts_for_that_link_on_that_device_alone(pinned: PaymentLink, phone: Client, now: datetime) -> None:
    rule(pinned, Action.OPEN)
    phone.get(links.path(pinned))
    cookie = post(phone, pinned, "pin", pin=PIN).cookies["proof"]
    assert cookie["path"] == f"/p/{pinned.selector}/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    other_device = Client(headers={"user-agent": PHONE})
    assert "Is it you?" in other_device.get(links.path(pinned)).content.decode()
    other_link = links.create(customer=pinned.customer, currency="NOK", actor="staff:1", now=now)
    assert "Is it you?" in phone.get(links.path(other_link)).content.decode()
    phone.cookies["proof"] = cookie.value
    assert "Is it you?" in phone.get(f"/p/{other_link.selector}/").content.decode()


def test_a_wrong_pin_and_no_pin_at_all_are_answered_alike(pinned: PaymentLink, phone: Client, now: datetime) -> None:
    rule(pinned, Action.OPEN)
    phone.get(links.path(pinned))
    wrong = post(phone, pinned, "pin", pin="0000")
    AccountPin.objects.all().delete()
    none = post(phone, pinned, "pin", pin="0000")
    assert wrong.status_code == none.status_code == 422
    assert extract(wrong.content) == extract(none.content)
    assert "That wasn’t it." in wrong.content.decode()
    assert "proof" not in wrong.cookies


def extract(content: bytes) -> str:
    """A page without its CSRF tokens, which differ each time."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", content.decode())


def test_after_too_many_tries_the_right_pin_waits_as_well(pinned: PaymentLink, phone: Client) -> None:
    rule(pinned, Action.OPEN)
    phone.get(links.path(pinned))
    for _ in range(3):
        assert "That wasn’t it." in post(phone, pinned, "pin", pin="0000").content.decode()
    for _ in range(2):
        locked = post(phone, pinned, "pin", pin=PIN)
        assert "Too many tries." in locked.content.decode()
        assert "proof" not in locked.cookies
    assert kinds(pinned)[-4:] == ["pin_wrong", "pin_wrong", "pin_wrong", "pin_locked"]


def test_a_sum_above_the_operators_limit_asks(pinned: PaymentLink, phone: Client) -> None:
    rule(pinned, Action.PAY, amount_from=100000)
    assert "Is it you?" in phone.get(links.path(pinned)).content.decode()
    ProofRule.objects.update(amount_from=200000)
    operators.forget()
    assert "To pay now" in phone.get(links.path(pinned)).content.decode()


def test_paying_without_the_proof_writes_nothing(pinned: PaymentLink, phone: Client) -> None:
    """Who leaves out the page and posts what it would have posted."""
    rule(pinned, Action.PAY, amount_from=50000)
    phone.get(links.path(pinned))
    bills = [bill.pk for bill in Invoice.objects.of_customer(pinned.customer_id, "NOK").owed()]
    answer = post(phone, pinned, "pay", bill=bills, amount_shown="104700")
    assert answer.status_code == 409
    assert answer.json()["go"] == f"/p/{pinned.selector}/pin?for=pay"
    assert not Payment.objects.exists()


def test_where_opening_asks_the_script_is_told_of_no_payment(pinned: PaymentLink, phone: Client, now: datetime) -> None:
    """A status page names what was bought and how; the script's question needs no page to be asked."""
    with transaction.atomic():
        bills = list(Invoice.objects.of_customer(pinned.customer_id, "NOK").owed())
        payment = payments.start(link=pinned, invoices=bills, amount_shown=104700, now=now)
    Payment.objects.filter(pk=payment.pk).update(status=Payment.Status.PROCESSING)
    phone.get(links.path(pinned))
    phone.cookies[payer.COOKIE] = links.status_token(payment)
    assert phone.get(f"/p/{pinned.selector}/state").json()["go"].startswith("/s/")
    rule(pinned, Action.OPEN)
    operators.forget()
    answer = phone.get(f"/p/{pinned.selector}/state")
    assert answer.json() == {"known": True, "go": f"/p/{pinned.selector}/"}
    assert not answer.cookies


def test_packages_are_offered_after_the_proof_where_contracting_asks(pinned: PaymentLink, phone: Client) -> None:
    rule(pinned, Action.CONTRACT)
    page = phone.get(links.path(pinned)).content.decode()
    assert "To pay now" in page
    assert 'name="package"' not in page
    assert f"/p/{pinned.selector}/pin?for=contract" in page
    answer = post(phone, pinned, "pay", package=["1"], amount_shown="9900")
    assert answer.json()["go"] == f"/p/{pinned.selector}/pin?for=contract"
    post(phone, pinned, "pin", pin=PIN)
    assert 'name="package"' in phone.get(f"/p/{pinned.selector}/").content.decode()


def test_the_lines_of_a_bill_are_for_the_customer_alone(pinned: PaymentLink, phone: Client) -> None:
    bill = Invoice.objects.of_customer(pinned.customer_id, "NOK").owed().late_first().first()
    assert bill
    address = f"/p/{pinned.selector}/bill/{bill.pk}"
    phone.get(links.path(pinned))
    assert phone.get(address).status_code == 404, "without a rule there is no such page"
    rule(pinned, Action.DETAILS)
    assert address in phone.get(f"/p/{pinned.selector}/").content.decode()
    asked = phone.get(address).content.decode()
    assert "Is it you?" in asked
    assert "399" not in asked
    response = post(phone, pinned, "pin", pin=PIN, **{"for": f"bill/{bill.pk}"})
    assert response["Location"] == address
    shown = phone.get(address).content.decode()
    assert bill.account.number in shown
    assert "Broadband" in shown
    assert phone.get(f"/p/{pinned.selector}/bill/999999").status_code == 404


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "bill/../../x", "bill/1/../..", "bill/٣"])
def test_a_pin_leads_nowhere_but_to_the_links_own_pages(pinned: PaymentLink, phone: Client, wanted: str) -> None:
    phone.get(links.path(pinned))
    response = post(phone, pinned, "pin", pin=PIN, **{"for": wanted})
    assert response["Location"] == f"/p/{pinned.selector}/"
    assert "evil" not in phone.get(f"/p/{pinned.selector}/pin?for={wanted}").content.decode()


@pytest.mark.parametrize("typed", ["47 11", " 4711 ", "٤٧١١"])
def test_spaces_and_the_digits_of_other_scripts_are_understood(pinned: PaymentLink, phone: Client, typed: str) -> None:
    phone.get(links.path(pinned))
    assert post(phone, pinned, "pin", pin=typed).status_code == 303


@pytest.mark.parametrize("typed", ["", "\0", "x" * 100000, "4711\n0", "'; DROP TABLE"])
def test_hostile_input_is_a_wrong_pin(pinned: PaymentLink, phone: Client, typed: str) -> None:
    phone.get(links.path(pinned))
    assert post(phone, pinned, "pin", pin=typed).status_code == 422


def test_a_code_is_asked_for_once_a_minute_and_the_answer_is_always_the_same(
    pinned: PaymentLink, phone: Client
) -> None:
    phone.get(links.path(pinned))
    first, second = post(phone, pinned, "code"), post(phone, pinned, "code")
    assert "We’ve sent you a code." in first.content.decode()
    assert extract(first.content) == extract(second.content)
    assert Message.objects.filter(template="pin_code").count() == 1
    assert kinds(pinned).count("code_sent") == 1


def test_whoever_holds_one_link_cannot_use_up_the_customers_codes(
    pinned: PaymentLink, phone: Client, now: datetime
) -> None:
    phone.get(links.path(pinned))
    for _ in range(pin_views.CUSTOMER_LIMIT[1][0]):
        # As often as a thief likes, hour after hour.
        limits.allow("code-link-day", str(pinned.pk), per=pin_views.LINK_A_DAY)
    post(phone, pinned, "code")
    assert not Message.objects.exists()
    own = links.create(customer=pinned.customer, currency="NOK", actor="staff:1", now=now)
    phone.get(links.path(own))
    post(phone, own, "code")
    assert Message.objects.get().link == own
    assert pin_views.LINK_A_DAY[0] < pin_views.CUSTOMER_LIMIT[1][0]


def test_the_address_of_the_code_is_no_dead_end_and_looking_at_it_sends_nothing(
    pinned: PaymentLink, phone: Client
) -> None:
    """A phone that restores the tab, and who picks another language on the page, ask for it without posting."""
    phone.get(links.path(pinned))
    shown = phone.get(f"/p/{pinned.selector}/code?lang=nb")
    assert shown.status_code == 200
    assert f'action="/p/{pinned.selector}/pin"' in shown.content.decode()
    assert not Message.objects.exists()
    assert "code_sent" not in kinds(pinned)


def test_the_heading_comes_first_on_its_slip(pinned: PaymentLink, phone: Client) -> None:
    """What comes first has no space above it: a hidden field there would push the heading down."""
    phone.get(links.path(pinned))
    asked = phone.get(f"/p/{pinned.selector}/pin").content.decode()
    assert re.search(r'<form class="slip"[^>]*>\s*<h1>', asked)


def test_the_code_that_was_sent_opens(pinned: PaymentLink, phone: Client, now: datetime) -> None:
    rule(pinned, Action.OPEN)
    phone.get(links.path(pinned))
    code = pins.make_code(pinned, now)
    assert post(phone, pinned, "pin", pin=code).status_code == 303
    assert "To pay now" in phone.get(f"/p/{pinned.selector}/").content.decode()


def test_with_valkey_down_codes_are_closed_and_the_pin_works(
    pinned: PaymentLink, phone: Client, settings: Settings
) -> None:
    rule(pinned, Action.OPEN)
    settings.REDIS_URL = "unix:///nowhere?db=0"
    phone.get(links.path(pinned))
    assert "We can’t send codes just now." in post(phone, pinned, "code").content.decode()
    assert not Message.objects.filter(template="pin_code").exists()
    assert post(phone, pinned, "pin", pin=PIN).status_code == 303


def test_a_stranger_without_the_links_cookie_tries_nothing(pinned: PaymentLink) -> None:
    stranger = Client(headers={"user-agent": PHONE})
    assert stranger.get(f"/p/{pinned.selector}/pin").status_code == 404
    assert stranger.post(f"/p/{pinned.selector}/pin", {"pin": PIN}).status_code == 403
    assert not PinTries.objects.exists()


def test_neither_pin_nor_code_is_kept_anywhere(pinned: PaymentLink, phone: Client) -> None:
    phone.get(links.path(pinned))
    post(phone, pinned, "pin", pin="8642")
    rows = [*LinkEvent.objects.values(), *PinTries.objects.values(), *AccountPin.objects.values()]
    assert "8642" not in str(rows)


@pytest.mark.django_db(transaction=True)
def test_fifty_phones_guessing_at_once_get_three_tries(pinned: PaymentLink) -> None:
    """From as many addresses as there are guesses: tries are counted by link and customer, not by address."""
    phones = []
    for number in range(50):
        phone = Client(headers={"user-agent": PHONE}, REMOTE_ADDR=f"203.0.113.{number}")
        phone.get(links.path(pinned))
        phones.append(phone)

    def guess(phone: Client, number: int) -> str:
        return phone.post(f"/p/{pinned.selector}/pin", {"pin": f"{1000 + number}"}).content.decode()

    answers = threads.at_once(*[lambda p=phone, n=n: guess(p, n) for n, phone in enumerate(phones)])
    assert not threads.errors(answers)
    assert sum("Too many tries." in answer for answer in answers) >= 47
    assert PinTries.objects.get(link=pinned).tries == 3


@pytest.mark.slow
def test_a_thief_with_ten_thousand_guesses_and_three_months_gets_few(pinned: PaymentLink, now: datetime) -> None:
    """Simulated: who tries whenever it is allowed has made about a hundred tries of ten thousand after three months."""
    at, tries = now, 0
    while at < now + timedelta(days=90):
        if pins.check(pinned, "0000", at) is pins.Checked.WRONG:
            tries += 1
        locked = PinTries.objects.filter(link=pinned).values_list("locked_until", flat=True).get()
        at = locked or at + timedelta(seconds=1)
    assert 50 < tries < 120
