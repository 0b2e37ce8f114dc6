"""Staff pages in a real Chromium: nothing that the content security policy forbids, nothing that axe finds."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group
from playwright.sync_api import Page, sync_playwright

from tests.payportal.backoffice import world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("one_factor"),
]
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
def page(chromium: Path, chromium_arguments: list[str]) -> Iterator[Page]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(chromium), args=chromium_arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.violations = []  # type: ignore[attr-defined]
        page.on("console", lambda message: _keep(page, message))
        page.on("pageerror", lambda error: page.violations.append(str(error)))  # type: ignore[attr-defined]
        yield page
        browser.close()


def _keep(page: Any, message: Any) -> None:
    if message.type in ("error", "warning"):
        page.violations.append(f"{page.url}: {message.text}")


def _axe(page: Page) -> list[str]:
    # Axe sets styles of its own while it looks; what the page did stands in the list already.
    own = list(page.violations)  # type: ignore[attr-defined]
    found = Axe().run(page, options={"runOnly": AXE_TAGS}).response["violations"]
    page.violations[:] = own  # type: ignore[attr-defined]
    return [f"{page.url}: {each['id']}: {each['nodes'][0]['html']}" for each in found]


def _shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.fixture
def agent_at_brisvik(brisvik: world.House) -> world.House:
    """Made before the browser runs: its event loop would keep a database connection of its own."""
    world.person("noor", brisvik.operator, role="Support").groups.add(Group.objects.get(name="Finance"))
    return brisvik


def test_the_desk_from_log_in_to_code(live_server: Any, agent_at_brisvik: world.House, page: Page) -> None:
    """Attack 5, and an agent's way: log in, find the customer, make a link, show its code, send it, withdraw it."""
    brisvik = agent_at_brisvik
    faults: list[str] = []

    page.goto(f"{live_server.url}/admin/")
    faults += _axe(page)
    _shot(page, "login")
    page.fill("[name=login]", "noor")
    page.fill("[name=password]", world.PASSWORD)
    page.click("main button")
    page.wait_for_url("**/admin/")
    _shot(page, "index")
    for model in ("billing/customer", "billing/invoice", "billing/payment", "activation/activationjob"):
        page.goto(f"{live_server.url}/admin/{model}/")
        _shot(page, model.replace("/", "-"))
    page.goto(f"{live_server.url}/admin/billing/payment/{brisvik.payment.pk}/change/")
    _shot(page, "payment")
    page.goto(f"{live_server.url}/admin/billing/customer/{brisvik.customer.pk}/change/")
    faults += _axe(page)
    _shot(page, "customer")
    page.click("text=Make a new link")
    page.wait_for_url("**/paymentlink/*/change/")
    faults += _axe(page)
    link_page = page.url
    page.click("text=Send it")
    page.wait_for_selector("text=The link is on its way")
    _shot(page, "link")
    page.click("text=Show its QR code")
    page.wait_for_selector(".qr svg")
    faults += _axe(page)
    _shot(page, "code")
    assert "/p/" in page.inner_text(".code")
    page.goto(link_page)
    page.click("text=Withdraw it")
    page.wait_for_selector("text=It opens nothing from now on")
    page.goto(f"{live_server.url}/admin/reports/payments/")
    page.wait_for_selector("tfoot")
    faults += _axe(page)
    _shot(page, "report")
    page.emulate_media(color_scheme="dark")
    for name, path in (
        ("customer-dark", f"billing/customer/{brisvik.customer.pk}/change/"),
        ("report-dark", "reports/payments/"),
    ):
        page.goto(f"{live_server.url}/admin/{path}")
        faults += _axe(page)
        _shot(page, f"{name}-dark")
    assert faults == []
    assert "\n".join(page.violations) == ""  # type: ignore[attr-defined]
