"""In a real Chromium a text is shown as it will look while it is written."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from payportal.messaging.models import MessageTemplate
from tests.payportal.backoffice import chrome, world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_factor")]
SOON = 10_000
ADD = "/admin/messaging/messagetemplate/add/"


@pytest.fixture(autouse=True)
def _no_texts_yet(brisvik: world.House, solmara: world.House) -> None:
    MessageTemplate.objects.all().delete()


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=request.param)
    yield chrome.keep_complaints(context.new_page())
    context.close()


def test_a_text_is_written_seen_and_saved(live_server: Any, brisvik: world.House, page: Page) -> None:
    world.person("root", is_superuser=True)
    page.goto(f"{live_server.url}{ADD}")
    chrome.log_in(page, "root")
    page.wait_for_selector("#preview")
    page.select_option("[name=operator]", label="Brisvik")
    page.click("[name=_ours]")
    expect(page.locator("#preview-text")).to_contain_text("See and pay: http", timeout=SOON)
    expect(page.locator("#preview-size")).to_contain_text("1 SMS segment")
    page.fill("[name=body]", "Dear Łukasz\n{operator}: {items}, {total}\n{link}\n{code} {totl}")
    if not _has_script(page):
        page.click("[name=_preview]")
    expect(page.locator("#preview-size")).to_contain_text("UCS-2", timeout=SOON)
    expect(page.locator("#preview-text")).to_contain_text("Brisvik: 2 bills, NOK 1,047.00")
    expect(page.locator("#content")).to_contain_text("There is no {totl} here.")
    assert not MessageTemplate.objects.exists()
    page.fill("[name=body]", "{operator}: {items}, {total}\n{link}\n{code}")
    page.click("[name=_save]")
    page.wait_for_selector("#changelist")
    assert MessageTemplate.objects.get().body.endswith("{code}")
    assert page.violations == []  # type: ignore[attr-defined]


def _has_script(page: Page) -> bool:
    """Whether the page's own scripts run; what Playwright evaluates runs in any case."""
    return bool(page.evaluate("typeof htmx !== 'undefined'"))


@pytest.mark.slow
def test_axe_finds_nothing(live_server: Any, brisvik: world.House, browser: Browser) -> None:
    world.person("root", is_superuser=True)
    page = chrome.keep_complaints(browser.new_page(viewport={"width": 1280, "height": 900}))
    page.goto(f"{live_server.url}{ADD}")
    chrome.log_in(page, "root")
    page.wait_for_selector("#preview")
    page.select_option("[name=operator]", label="Brisvik")
    page.fill("[name=body]", "Ł {totl} {link} {code}" + " and more" * 9)
    expect(page.locator("#preview .note.warn").first).to_be_visible(timeout=SOON)
    expect(page.locator("#preview .note.bad")).to_be_visible()
    assert chrome.axe(page) == []
    chrome.shot(page, "message-template")
    page.close()
