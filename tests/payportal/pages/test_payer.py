"""Who paid sees the payment; who merely holds its link sees that there is nothing to pay, the sum and the day."""

import pytest
from django.test import Client
from django.utils import timezone

from billing import links, payments, proofs
from billing.models import Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from payportal.pages import payer, proof
from tests import world
from tests.payportal.pages.conftest import PHONE
from tests.payportal.pages.test_paying import Phone
from tests.payportal.pages.test_status import switch_everything_on

pytestmark = pytest.mark.django_db(transaction=True)
# What a payment's own page and its receipt say beyond the link's page.
DETAILS = ("4242", "Google Pay", "living room", "/r/", "/s/")


def another_phone() -> Client:
    return Client(enforce_csrf_checks=True, headers={"user-agent": PHONE, "accept-language": "en-GB,en;q=0.9"})


@pytest.fixture
def payers(standin: StandIn, phone: Client, link: PaymentLink) -> Phone:
    """The phone on which both bills and a package are being paid."""
    from activation.models import Package

    opened = Phone(phone, link)
    package = Package.objects.get(operator=link.operator, code="sports-weekend")
    status, started = opened.pay(114600, [package.pk])
    assert status == 200
    world.confirm(standin, started["client_secret"])
    return opened


def settle() -> Payment:
    payment = payments.refresh(Payment.objects.get().pk, timezone.now())
    switch_everything_on()
    return payment


def under_way() -> Payment:
    Payment.objects.update(status="processing", checked_at=timezone.now())
    return Payment.objects.get()


def told(phone: Client, link: PaymentLink) -> str:
    """All that this phone is told on the link's address and by the script's question."""
    page = phone.get(links.path(link)).content.decode()
    return page + phone.get(f"/p/{link.selector}/state?v=0&paid=0").content.decode()


def test_the_payers_browser_is_sent_to_the_payment(payers: Phone) -> None:
    settle()
    assert str(payers.state()["go"]).startswith("/s/")
    assert "See the receipt" in payers.client.get(links.path(payers.link)).content.decode()


def test_who_merely_holds_the_link_learns_nothing_of_what_was_paid_and_how(payers: Phone) -> None:
    settle()
    shown = told(another_phone(), payers.link)
    assert "Nothing to pay" in shown
    assert "1,146.00" in shown
    assert [word for word in DETAILS if word in shown] == []


def test_a_page_that_does_not_know_yet_is_loaded_anew_and_then_stays(payers: Phone) -> None:
    second = another_phone()
    second.get(links.path(payers.link))
    settle()
    base = f"/p/{payers.link.selector}/"
    assert second.get(f"{base}state?v=0&paid=0").json()["go"] == base
    assert second.get(f"{base}state?paid=1").json()["go"] is None


def test_while_it_is_with_the_bank_another_browser_waits(payers: Phone) -> None:
    payment = under_way()
    second, base = another_phone(), f"/p/{payers.link.selector}/"
    shown = second.get(links.path(payers.link)).content.decode()
    assert "Someone is paying this right now" in shown
    assert "Pay here instead" not in shown
    assert second.get(f"{base}state?v=0&paid=0").json()["go"] == base
    assert second.get(f"{base}waiting").status_code == 204
    assert payers.client.get(base).headers["Location"] == f"/s/{links.status_token(payment)}"
    settle()
    assert second.get(f"{base}waiting").headers["HX-Redirect"] == base


def test_a_tap_in_another_browser_leads_to_the_waiting_page(payers: Phone) -> None:
    second = Phone(another_phone(), payers.link)
    under_way()
    assert second.pay() == (409, {"go": second.base})
    settle()
    code, answer = second.pay(114600)
    assert (code, answer["go"].startswith(second.base)) == (409, True)


@pytest.mark.parametrize("begun", ["x", "", "\u00e9", "A" * 44])
def test_a_made_up_cookie_is_nobodys(payers: Phone, begun: str) -> None:
    settle()
    second = another_phone()
    second.cookies[payer.COOKIE] = begun
    assert [word for word in DETAILS if word in told(second, payers.link)] == []


def test_a_reference_with_a_made_up_code_is_nobodys(payers: Phone, standin: StandIn) -> None:
    settle()
    other = world.link(payers.link.customer, now=timezone.now())
    second = another_phone()
    second.cookies[payer.COOKIE] = links.status_token(Payment.objects.get())[:22] + "B" * 22
    shown = told(second, other)
    assert [word for word in DETAILS if word in shown] == []


def test_who_has_proved_to_be_the_customer_sees_it_too(payers: Phone) -> None:
    settle()
    second = another_phone()
    second.cookies[proof.COOKIE] = proofs.token(payers.link)
    assert "See the receipt" in second.get(links.path(payers.link)).content.decode()
