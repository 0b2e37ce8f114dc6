"""A real Chromium at phone size, on the demo's world with the stand-in for Stripe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.conftest import demo_world, stripe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page
    from pytest_django import LiveServer

    from billing.models import PaymentLink
    from payportal.demo.stripe_standin import StandIn

__all__ = ["demo_world", "stripe"]

SIZE = {"width": 390, "height": 844}
# Chromium's own words for an answer that says no: a declined card is a 402, a link that has ended a 404.
EXPECTED = (
    "status of 402",
    "status of 404",
    "Response Status Error Code 404",
    "status of 503",
    "status of 409",
    "status of 422",
    "ERR_INTERNET_DISCONNECTED",
    "ERR_FAILED",
)


@dataclass
class Shop:
    """Where the pages are, and what every page that was opened complained about."""

    browser: Browser
    base: str
    standin: StandIn
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def phone(self, **options: Any) -> Page:
        """A phone of its own: another person's cookies."""
        defaults: dict[str, Any] = {"viewport": SIZE, "is_mobile": True, "has_touch": True, "locale": "en-GB"}
        context = self.browser.new_context(**{**defaults, **options})
        context.set_default_timeout(15_000)
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective))"
        )
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self._hear("error", str(error)))
        return page

    def open(self, link: PaymentLink, **options: Any) -> Page:
        """A phone on which the link was tapped."""
        from billing import links

        page = self.phone(**options)
        page.goto(self.base + links.path(link))
        return page

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(words in text for words in EXPECTED):
            self.complaints.append(text)


@pytest.fixture
def shop(browser: Browser, demo_world: None, live_server: LiveServer, stripe: StandIn) -> Iterator[Shop]:
    """The demo's pages; no page of it may break its own policy or throw."""
    running = Shop(browser, live_server.url, stripe)
    yield running
    for context in running.contexts:
        context.close()
    assert running.complaints == []


@pytest.fixture
def new_link(demo_world: None) -> Callable[[], PaymentLink]:
    """Makes links of the customer whose link the demo prints."""
    from payportal.demo import data
    from tests.flows import phone

    return lambda: phone.new_link(data.PRINTED_CUSTOMER)


@pytest.fixture
def link(new_link: Callable[[], PaymentLink]) -> PaymentLink:
    return new_link()
