"""Staff pages in a real Chromium: what a page complains about, what axe finds, pictures where SHOTS names a folder."""

import os
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.payportal.backoffice import world

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SHOTS = os.environ.get("SHOTS", "")


def keep_complaints(page: Page) -> Page:
    """Let a page collect what it complains about, in ``page.violations``."""
    page.violations = []  # type: ignore[attr-defined]
    page.on("console", lambda message: _keep(page, message))
    page.on("pageerror", lambda error: page.violations.append(str(error)))  # type: ignore[attr-defined]
    return page


def axe(page: Page) -> list[str]:
    """What axe finds on a page."""
    # Axe sets styles of its own while it looks; what the page did stands in the list already.
    own = list(page.violations)  # type: ignore[attr-defined]
    found = Axe().run(page, options={"runOnly": AXE_TAGS}).response["violations"]
    page.violations[:] = own  # type: ignore[attr-defined]
    return [f"{page.url}: {each['id']}: {each['nodes'][0]['html']}" for each in found]


def shot(page: Page, name: str) -> None:
    """A picture of the whole page."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def log_in(page: Page, name: str) -> None:
    """Type name and password on the page that asks for them."""
    page.fill("[name=login]", name)
    page.fill("[name=password]", world.PASSWORD)
    page.click("main button.btn:not(.quiet)")


def _keep(page: Any, message: Any) -> None:
    if message.type in ("error", "warning"):
        page.violations.append(f"{page.url}: {message.text}")
