"""Staff pages in a real Chromium: nothing that the content security policy forbids, nothing that axe finds."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Browser, Page

from tests.payportal.backoffice import chrome, world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("one_factor"),
]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    yield chrome.keep_complaints(opened)
    opened.close()


@pytest.fixture
def agent_at_brisvik(brisvik: world.House) -> world.House:
    """An agent with two roles: support at the desk, finance for the report."""
    world.person("noor", brisvik.operator, role="Support").groups.add(Group.objects.get(name="Finance"))
    return brisvik


def test_the_desk_from_log_in_to_code(live_server: Any, agent_at_brisvik: world.House, page: Page) -> None:
    """Attack 5, and an agent's way: log in, find the customer, make a link, show its code, send it, withdraw it."""
    brisvik = agent_at_brisvik
    faults: list[str] = []

    page.goto(f"{live_server.url}/admin/")
    faults += chrome.axe(page)
    chrome.shot(page, "login")
    chrome.log_in(page, "noor")
    page.wait_for_url("**/admin/")
    chrome.shot(page, "index")
    for model in ("billing/customer", "billing/invoice", "billing/payment", "activation/activationjob"):
        page.goto(f"{live_server.url}/admin/{model}/")
        chrome.shot(page, model.replace("/", "-"))
    page.goto(f"{live_server.url}/admin/billing/payment/{brisvik.payment.pk}/change/")
    chrome.shot(page, "payment")
    page.goto(f"{live_server.url}/admin/billing/customer/{brisvik.customer.pk}/change/")
    faults += chrome.axe(page)
    chrome.shot(page, "customer")
    page.click("text=Make a new link")
    page.wait_for_url("**/paymentlink/*/change/")
    faults += chrome.axe(page)
    link_page = page.url
    page.click("text=Send it")
    page.wait_for_selector("text=The link is on its way")
    chrome.shot(page, "link")
    page.click("text=Show its QR code")
    page.wait_for_selector(".qr svg")
    faults += chrome.axe(page)
    chrome.shot(page, "code")
    assert "/p/" in page.inner_text(".code")
    with page.expect_download() as download:
        page.click("text=Download for print")
    assert re.fullmatch(r"link-\d+\.png", download.value.suggested_filename)
    assert page.locator(".qr svg").is_visible(), "the page stays"
    page.goto(link_page)
    page.click("text=Withdraw it")
    page.wait_for_selector("text=It opens nothing from now on")
    page.goto(f"{live_server.url}/admin/reports/payments/")
    page.wait_for_selector("tfoot")
    faults += chrome.axe(page)
    chrome.shot(page, "report")
    page.emulate_media(color_scheme="dark")
    for name, path in (
        ("customer-dark", f"billing/customer/{brisvik.customer.pk}/change/"),
        ("report-dark", "reports/payments/"),
    ):
        page.goto(f"{live_server.url}/admin/{path}")
        faults += chrome.axe(page)
        chrome.shot(page, f"{name}-dark")
    assert faults == []
    assert "\n".join(page.violations) == ""  # type: ignore[attr-defined]
