"""What many tests stand on: the stand-in for Stripe as the one gateway, and clean registries."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from billing import gateways
from payportal.demo.stripe_standin import ApiKeys, StandIn, WebhookEndpoint
from tests import environment


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
