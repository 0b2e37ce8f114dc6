"""A PIN and a one-time code in a real browser: asked for before anything is shown, and before a bill's lines are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Shop
from tests.browser.test_pages import LOOKS, check, small_targets
from tests.browser.test_paying import tap, work_until

if TYPE_CHECKING:
    from billing.models import PaymentLink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PIN = "4711"


@pytest.fixture(autouse=True)
def _empty(valkey_url: str) -> None:
    """What the test before counted is forgotten."""


@pytest.fixture
def guarded(link: PaymentLink) -> PaymentLink:
    """A link that opens nothing before its customer's PIN."""
    from django.utils import timezone

    from billing import pins
    from billing.models import ProofRule
    from payportal.pages import operators

    ProofRule.objects.create(operator=link.operator, action=ProofRule.Action.OPEN)
    pins.set_pin(link.customer, PIN, actor="staff:1", now=timezone.now())
    operators.forget()
    return link


@pytest.mark.parametrize("look", [*LOOKS, pytest.param({"java_script_enabled": False}, id="no JavaScript")])
def test_wrong_then_right_then_paid(shop: Shop, guarded: PaymentLink, look: dict[str, Any]) -> None:
    page = shop.open(guarded, **look)
    expect(page.locator("h1")).to_have_text("Is it you?")
    assert "NOK" not in page.content()
    has_scripts = look.get("java_script_enabled", True)
    page.fill("#pin", "0000")
    page.get_by_role("button", name="Show my bill").click()
    expect(page.get_by_role("alert")).to_contain_text("That wasn’t it.")
    expect(page.locator("#pin")).to_have_attribute("aria-invalid", "true")
    if has_scripts:
        check(page)
        assert small_targets(page) == []
        page.evaluate("document.documentElement.style.fontSize = ''")
    page.fill("#pin", "47 11")
    page.keyboard.press("Enter")
    expect(page.locator("#sum")).to_have_text("NOK 1,047.00")
    assert page.url == f"{shop.base}/p/{guarded.selector}/"
    if has_scripts:
        tap(page)
        page.wait_for_url("**/s/*")
        work_until(page, "Your TV is on")


def test_another_phone_with_the_same_link_is_asked_as_well(shop: Shop, guarded: PaymentLink) -> None:
    page = shop.open(guarded)
    page.fill("#pin", PIN)
    page.get_by_role("button", name="Show my bill").click()
    expect(page.locator("#sum")).to_have_text("NOK 1,047.00")
    expect(shop.open(guarded).locator("h1")).to_have_text("Is it you?")


@pytest.mark.slow
def test_too_many_tries_say_whom_to_call(shop: Shop, guarded: PaymentLink) -> None:
    page = shop.open(guarded)
    for _ in range(4):
        page.fill("#pin", "0000")
        page.get_by_role("button", name="Show my bill").click()
        page.wait_for_load_state()
    expect(page.get_by_role("alert")).to_contain_text("Too many tries.")
    expect(page.get_by_role("alert").get_by_role("link")).to_have_attribute("href", re.compile("^tel:"))
    check(page)


def test_a_code_is_sent_and_opens_the_lines_of_a_bill(shop: Shop, link: PaymentLink) -> None:
    """The demo's own rule: lines are for who has the phone that is on file."""
    from django.utils import timezone

    from payportal.demo.models import OutboxMessage
    from payportal.messaging import messages

    page = shop.open(link)
    page.get_by_text("What’s in this bill").first.click()
    page.get_by_role("link", name="See every line").first.click()
    expect(page.locator("h1")).to_have_text("Is it you?")
    page.get_by_role("button", name="Send me a code instead").click()
    expect(page.get_by_role("status")).to_contain_text("We’ve sent you a code.")
    assert "7700" not in page.content()
    for message_id in messages.due(timezone.now(), 10):
        messages.deliver(message_id, timezone.now())
    said = OutboxMessage.objects.order_by("-pk").values_list("body", flat=True)[0]
    [code] = set(re.findall(r"(?<!\d)\d{6}(?!\d)", said))
    page.fill("#pin", code)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("h1")).to_have_text("Broadband and TV")
    expect(page.locator("dl").first).to_contain_text("Broadband")
    check(page)
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.get_by_role("link", name="Back to paying").click()
    expect(page.locator("#sum")).to_have_text("NOK 1,047.00")
