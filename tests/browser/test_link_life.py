"""The end of a link, and the browsers inside apps, in a real browser: neither is a dead end."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Shop
from tests.browser.test_pages import LOOKS, check, small_targets
from tests.browser.test_paying import READY, tap, work_until

if TYPE_CHECKING:
    from billing.models import PaymentLink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
)
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
INSTAGRAM = {"user_agent": IPHONE + "Instagram 331.0.3.29.89 (iPhone14,5; iOS 17_5; en_GB; en; scale=3.00)"}
FACEBOOK = {"user_agent": ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/465.0.0.60.83;]"}


@pytest.fixture(autouse=True)
def _empty(valkey_url: str) -> None:
    """What the test before counted is forgotten."""


@pytest.fixture
def old(demo_world: None) -> PaymentLink:
    """A link of three days ago."""
    from django.utils import timezone

    from billing import links
    from payportal.demo import data

    return links.create(
        customer=data.customer(data.PRINTED_CUSTOMER),
        currency="NOK",
        actor="staff:1",
        now=timezone.now() - timedelta(days=3),
    )


def fresh_address(shop: Shop) -> str:
    """The address in the message that was queued."""
    from billing import links
    from payportal.messaging.models import Message

    message = Message.objects.select_related("link__operator").get(template="fresh_link")
    assert message.link
    return shop.base + links.path(message.link)


@pytest.mark.parametrize("look", [*LOOKS, pytest.param({"java_script_enabled": False}, id="no JavaScript")])
def test_expired_renewed_and_paid(shop: Shop, old: PaymentLink, look: dict[str, Any]) -> None:
    page = shop.open(old, **look)
    expect(page.locator("h1")).to_have_text("This link no longer works")
    has_scripts = look.get("java_script_enabled", True)
    if has_scripts:
        check(page)
        assert small_targets(page) == []
        page.evaluate("document.documentElement.style.fontSize = ''")
    page.get_by_role("button", name="Get a new link").click()
    expect(page.locator("h1")).to_have_text("Look at your messages")
    assert "7700" not in page.content()
    if has_scripts:
        check(page)
    page.goto(fresh_address(shop))
    expect(page.locator("#sum")).to_have_text("NOK 1,047.00")
    if has_scripts:
        tap(page)
        page.wait_for_url("**/s/*")
        work_until(page, "Your TV is on")


def test_the_link_ends_while_its_page_is_open(
    shop: Shop, link: PaymentLink, new_link: Callable[[], PaymentLink]
) -> None:
    """The cookie that opens has gone with the link; the one that outlives it still knows whose it was."""
    from django.utils import timezone

    from billing import links

    page = shop.open(link)
    page.wait_for_selector(READY)
    links.renew(link, actor="staff:1", now=timezone.now() - timedelta(minutes=5))
    tap(page)
    expect(page.locator("h1")).to_have_text("This link no longer works")
    assert page.url == f"{shop.base}/p/{link.selector}/"
    page.get_by_role("button", name="Get a new link").click()
    expect(page.locator("h1")).to_have_text("Look at your messages")
    page.goto(fresh_address(shop))
    expect(page.locator("#sum")).to_have_text("NOK 1,047.00")


def watch(page: Page) -> list[tuple[str, str]]:
    """What is asked for, and at which address the page stood then."""
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.url, page.url)))
    return asked


@pytest.mark.parametrize(
    "app, way_out",
    [
        pytest.param(INSTAGRAM, r"x-safari-http://[^/]+/p/[\w-]+/[\w-]{27}", id="iPhone"),
        pytest.param(
            FACEBOOK, r"intent://[^/]+/p/[\w-]+/[\w-]{27}#Intent;scheme=http;end", id="Android", marks=pytest.mark.slow
        ),
    ],
)
def test_out_of_an_app_with_the_link_in_hand(shop: Shop, link: PaymentLink, app: dict[str, str], way_out: str) -> None:
    from billing import links

    secret = links.path(link).rsplit("/", 1)[1]
    page = shop.phone(**app)
    asked = watch(page)
    page.goto(shop.base + links.path(link))
    page.wait_for_selector(READY)
    expect(page.get_by_text("Apple Pay and Google Pay don’t work inside")).to_be_visible()
    assert secret not in page.content()
    check(page)
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.get_by_role("button", name="Open in your browser").click()
    expect(page.locator("h1")).to_have_text("Open in your browser")
    check(page)
    assert re.fullmatch(way_out, page.get_by_role("link", name="Open in your browser").get_attribute("href") or "")
    # The app's own menu takes the address from here: it opens the page in a browser that has no cookie.
    address = page.url
    assert secret in address
    assert not [where for url, where in asked if shop.standin.base_url in url and secret in where]
    elsewhere = shop.phone()
    elsewhere.goto(address)
    elsewhere.wait_for_selector(READY)
    assert elsewhere.url == f"{shop.base}/p/{link.selector}/"
    page.get_by_role("link", name="Stay here").click()
    expect(page.locator("#sum")).to_have_text("NOK 1,047.00")


def test_the_address_is_copied_and_shown_where_that_fails(shop: Shop, link: PaymentLink) -> None:
    from billing import links

    page = shop.open(link, **INSTAGRAM)
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Open in your browser").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the address").click()
    expect(page.get_by_text("Copied. Paste it into your browser.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shop.base + links.path(link)
    page.evaluate(
        "navigator.clipboard.writeText = () => Promise.reject(new Error('no')); document.execCommand = () => false"
    )
    page.get_by_role("button", name="Copy the address").click()
    expect(page.get_by_role("textbox", name="Address")).to_have_value(shop.base + links.path(link))


def test_without_javascript_an_app_is_led_out_too(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link, java_script_enabled=False, **INSTAGRAM)
    page.get_by_role("button", name="Open in your browser").click()
    expect(page.get_by_role("link", name="Open in your browser")).to_be_visible()
    expect(page.get_by_text("Open the menu of this app")).to_be_visible()


def test_the_timeline_tells_which_wallets_stood_there(shop: Shop, link: PaymentLink) -> None:
    from billing.models import LinkEvent

    page = shop.phone()
    from billing import links

    with page.expect_response("**/seen") as answer:
        page.goto(shop.base + links.path(link))
    assert answer.value.status == 204
    told = dict(LinkEvent.objects.filter(link=link).values_list("kind", "detail"))
    assert told["wallet_shown"] == "apple_pay google_pay"
    assert told["opened"] in ("phone", "computer")


@pytest.mark.parametrize("look", LOOKS)
def test_looking_up_a_code(shop: Shop, look: dict[str, Any]) -> None:
    page = shop.phone(**look)
    page.goto(f"{shop.base}/verify")
    check(page)
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.get_by_label("Code in the message").fill("abc")
    page.get_by_role("button", name="Look it up").click()
    expect(page.get_by_text("We know of no message with this code.")).to_be_visible()
    check(page)
