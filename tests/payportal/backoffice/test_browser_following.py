"""In a real Chromium an agent sees what happens on a link without touching anything."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from billing import links
from payportal.backoffice import roles
from tests.payportal.backoffice import chrome, world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("one_factor", "_agent"),
]
SOON = 10_000
# Chromium's own way to tell a page that nobody sees it, and that somebody does again.
HIDE = (
    "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    " document.dispatchEvent(new Event('visibilitychange')) }"
)


@pytest.fixture
def _agent(brisvik: world.House) -> None:
    world.person("noor", brisvik.operator, role=roles.SUPPORT)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    yield chrome.keep_complaints(opened)
    opened.close()


def _open(page: Page, url: str, house: world.House, model: str) -> None:
    page.goto(f"{url}/admin/billing/{model}/{house.rows[model].pk}/change/")
    chrome.log_in(page, "noor")
    page.wait_for_selector("#news")


@pytest.mark.parametrize("model", [pytest.param("customer", marks=pytest.mark.slow), "paymentlink"])
def test_what_happens_is_seen_and_read_aloud(live_server: Any, brisvik: world.House, page: Page, model: str) -> None:
    _open(page, live_server.url, brisvik, model)
    assert page.inner_text("#newest") == ""
    page.focus("#make" if model == "customer" else "#send")
    for kind, words in (("opened", "Opened"), ("failed", "Refused. Nothing was taken"), ("switched_on", "Switched on")):
        links.note(brisvik.link, kind, timezone.now())
        expect(page.locator("#newest")).to_have_text(words, timeout=SOON)
        expect(page.locator(".steps li >> nth=-1")).to_contain_text(words)
    assert page.evaluate("document.activeElement.id") in ("make", "send"), "who is on a button stays on it"
    assert chrome.axe(page) == []
    chrome.shot(page, f"{model}-following")
    links.revoke(brisvik.link, actor="staff:1", now=timezone.now())
    expect(page.locator("#news")).to_contain_text("Link withdrawn", timeout=SOON)
    assert "\n".join(page.violations) == ""  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_page_that_nobody_sees_asks_nothing(live_server: Any, brisvik: world.House, page: Page) -> None:
    _open(page, live_server.url, brisvik, "paymentlink")
    asked: list[str] = []
    with page.expect_response("**/news/?v=*", timeout=SOON):
        pass
    page.evaluate(HIDE, True)
    page.on("request", lambda request: asked.append(request.url))
    links.note(brisvik.link, "opened", timezone.now())
    page.wait_for_timeout(5_000)
    assert asked == []
    with page.expect_response("**/news/?v=*", timeout=1_500):
        page.evaluate(HIDE, False)
    expect(page.locator("#newest")).to_have_text("Opened", timeout=SOON)


@pytest.mark.slow
def test_a_session_that_ended_leaves_nothing_on_the_screen(live_server: Any, brisvik: world.House, page: Page) -> None:
    _open(page, live_server.url, brisvik, "customer")
    Session.objects.all().delete()
    page.wait_for_url("**/accounts/login/**", timeout=SOON)
    assert "Person of brisvik" not in page.content()


@pytest.mark.slow
def test_a_role_that_was_taken_away_leaves_nothing_on_the_screen(
    live_server: Any, brisvik: world.House, page: Page
) -> None:
    _open(page, live_server.url, brisvik, "customer")
    User.objects.get(username="noor").groups.clear()
    expect(page.locator("h1")).to_have_text("This is not for you to see", timeout=SOON)
    assert "Person of brisvik" not in page.content()


@pytest.mark.slow
def test_it_works_without_javascript(live_server: Any, brisvik: world.House, browser: Browser) -> None:
    page = browser.new_page(java_script_enabled=False)
    _open(page, live_server.url, brisvik, "paymentlink")
    links.note(brisvik.link, "opened", timezone.now())
    page.wait_for_url("**?again=1", timeout=SOON)
    assert "Opened" in page.inner_text(".steps")
    page.close()
