"""The demo's operators and customers, and a browser's client for them.

Models are imported inside the fixtures: pytest reads this file before Django is set up.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from billing.models import Customer, PaymentLink

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def now() -> datetime:
    from django.utils import timezone

    return timezone.now()


@pytest.fixture
def customer(db: None, now: datetime) -> Customer:
    """The customer of the demo's printed link: two bills, one overdue, a paused television."""
    from payportal.demo import data

    data.load(now)
    return data.customer(data.PRINTED_CUSTOMER)


@pytest.fixture
def link(customer: Customer, now: datetime) -> PaymentLink:
    from billing import links

    return links.create(customer=customer, currency="NOK", actor="system:test", now=now)


@pytest.fixture
def phone() -> Client:
    """A phone's browser, whose posts need their CSRF token."""
    from django.test import Client

    return Client(enforce_csrf_checks=True, headers={"user-agent": PHONE, "accept-language": "en-GB,en;q=0.9"})
