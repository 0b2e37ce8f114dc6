"""Attack 14 in a real Chromium: the second factor is set up, asked for, and its recovery codes are seen."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from playwright.sync_api import Browser, Page

from tests.payportal.backoffice import chrome, world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    width, height = SIZES[request.param]
    page = chrome.keep_complaints(browser.new_page(viewport={"width": width, "height": height}))
    page.size = request.param  # type: ignore[attr-defined]
    yield page
    page.close()


@pytest.fixture
def _superuser(brisvik: world.House) -> None:
    cache.clear()
    world.person("noor", is_superuser=True)


def _code(secret: str, step: int = 0) -> str:
    """What the app shows now, or a half minute later."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + step))


def _faults(page: Page, name: str) -> list[str]:
    """What axe finds, and whether something is wider than the screen."""
    chrome.shot(page, f"{name}-{page.size}")  # type: ignore[attr-defined]
    spilled = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return chrome.axe(page) + ([f"{name} is wider than the screen"] if spilled else [])


@pytest.mark.usefixtures("_superuser")
def test_from_the_first_log_in_to_the_second(live_server: Any, page: Page) -> None:
    faults: list[str] = []
    page.goto(f"{live_server.url}/admin/")
    chrome.log_in(page, "noor")
    page.wait_for_url("**/2fa/totp/activate/")
    faults += _faults(page, "factor-set-up")
    page.fill("[name=code]", "000000")
    page.click("main button.btn:not(.quiet)")
    page.wait_for_selector("[role=alert], .errorlist")
    faults += _faults(page, "factor-wrong-code")
    secret = page.inner_text(".code").strip()
    page.fill("[name=code]", _code(secret))
    page.click("main button.btn:not(.quiet)")
    page.wait_for_selector(".codes li")
    recovery = page.inner_text(".codes li >> nth=0")
    assert page.locator(".codes li").count() == 10
    faults += _faults(page, "factor-recovery-codes")
    page.goto(f"{live_server.url}/accounts/2fa/")
    faults += _faults(page, "factor-index")
    page.goto(f"{live_server.url}/admin/")
    assert "/admin/" in page.url

    for code, name in ((_code(secret, +1), "app"), (recovery, "recovery")):
        page.goto(f"{live_server.url}/accounts/logout/")
        page.click("main button.btn:not(.quiet)")
        page.wait_for_url("**/accounts/login/")
        chrome.log_in(page, "noor")
        page.wait_for_url("**/2fa/authenticate/")
        faults += _faults(page, f"factor-code-{name}")
        page.fill("[name=code]", code)
        page.click("main button.btn:not(.quiet)")
        page.wait_for_url("**/admin/")
        assert page.is_visible("text=At the desk")
    assert faults == []
    assert "\n".join(page.violations) == ""  # type: ignore[attr-defined]
