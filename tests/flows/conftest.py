"""The demo's own world over real HTTP: pages on a live server, the stand-in calling its webhook, work done by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_django import LiveServer, Settings

    from payportal.demo.stripe_standin import StandIn
    from tests.flows.phone import Phone


@pytest.fixture
def demo_world(transactional_db: None, settings: Settings, tmp_path: Path) -> None:
    """Brisvik and Solmara as the demo has them, a network of this test's own, and an address that must be asked for."""
    from django.utils import timezone

    from payportal.demo import data
    from payportal.pages import operators

    settings.SIMULATOR_STATE = str(tmp_path / "network.jsonl")
    settings.SIMULATOR_LATENCY_MS = 0
    operators.forget()
    data.load(timezone.now())


@pytest.fixture
def stripe(live_server: LiveServer, settings: Settings) -> Iterator[StandIn]:
    """A small Stripe that calls our webhook."""
    from billing import gateways
    from payportal.demo.stripe_standin import ApiKeys, StandIn, WebhookEndpoint
    from tests import environment

    fixed = environment.FIXED
    running = StandIn(
        webhook=WebhookEndpoint(f"{live_server.url}/webhooks/stripe/default", fixed["STRIPE_WEBHOOK_SECRETS"]),
        keys=ApiKeys(fixed["STRIPE_SECRET_KEY"], fixed["STRIPE_PUBLISHABLE_KEY"]),
    )
    with running:
        settings.STRIPE_API_BASE = running.base_url
        settings.STRIPE_JS_URL = f"{running.base_url}/endive/stripe.js"
        settings.STRIPE_TIMEOUT_SECONDS = 2
        gateways.get.cache_clear()
        yield running
    gateways.get.cache_clear()


@pytest.fixture
def phone(demo_world: None, live_server: LiveServer, stripe: StandIn) -> Phone:
    """The phone of the customer whose link the demo prints, link in hand."""
    from payportal.demo import data
    from tests.flows.phone import Phone, new_link

    return Phone(live_server.url, new_link(data.PRINTED_CUSTOMER))
