"""What many tests stand on: the stand-in for Stripe as the one gateway, clean registries, and the one Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_django import Settings

from billing import gateways
from payportal.demo.stripe_standin import ApiKeys, StandIn, WebhookEndpoint
from tests import environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def standin(settings: Settings) -> Iterator[StandIn]:
    """A fresh small Stripe that our gateway talks to; it sends no webhook unless the test gives it an address."""
    keys = ApiKeys(environment.FIXED["STRIPE_SECRET_KEY"], environment.FIXED["STRIPE_PUBLISHABLE_KEY"])
    with StandIn(webhook=WebhookEndpoint(secret=environment.FIXED["STRIPE_WEBHOOK_SECRETS"]), keys=keys) as running:
        settings.STRIPE_API_BASE = running.base_url
        settings.STRIPE_TIMEOUT_SECONDS = 2
        gateways.get.cache_clear()
        yield running
    gateways.get.cache_clear()


@pytest.fixture(scope="session")
def browser(django_db_setup: None, chromium: Path, chromium_arguments: list[str]) -> Iterator[Browser]:
    """The run's one Chromium, beside which tests may ask the database; every test opens contexts of its own.

    Playwright keeps an event loop in this thread and takes no second one beside it. On that loop Django refuses
    queries unless it is told otherwise, and has connections of its own: they are closed before the database goes.
    """
    from django.db import connections
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=chromium_arguments)
        yield launched
        launched.close()
        connections.close_all()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
