from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from payportal.messaging import recalling


class Command(BaseCommand):
    """Asks carriers for receipts that got lost and for costs, as beat does every hour."""

    help = "Ask carriers what became of messages of the last three days whose receipt or cost never came."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"{recalling.recall(timezone.now())} receipts were news")
