"""The payments' sweep, by hand."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from billing import gateway_events, payments, refunds


class Command(BaseCommand):
    """Asks the gateway about every open payment and every recent refund, and looks into webhooks left lying."""

    help = "Ask the gateway about open payments and recent refunds, and look into webhooks that were left lying."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        events = gateway_events.process_waiting(now)
        asked = payments.reconcile(now, every=timedelta(0))
        heard = refunds.reconcile(now)
        self.stdout.write(f"{events} webhooks looked into, {asked} payments asked about, {heard} refunded")
