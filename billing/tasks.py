"""Billing's Celery tasks: thin callers of the verbs, with ids as arguments."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing import gateway_events, payments, refunds


@shared_task(name="billing.process_gateway_event")
def process_gateway_event(event_id: int) -> None:
    """Look into one webhook."""
    gateway_events.process(event_id, timezone.now())


@shared_task(name="billing.process_gateway_events")
def process_gateway_events() -> None:
    """Look into the webhooks that were left lying."""
    gateway_events.process_waiting(timezone.now())


@shared_task(name="billing.reconcile_payments")
def reconcile_payments() -> None:
    """Ask about the payments that nobody told us about."""
    payments.reconcile(timezone.now(), every=timedelta(seconds=settings.SWEEP_SECONDS * 3 / 4))


@shared_task(name="billing.reconcile_refunds")
def reconcile_refunds() -> None:
    """Hear of the refunds that nobody told us about."""
    refunds.reconcile(timezone.now())
