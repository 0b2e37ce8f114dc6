from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from payportal.messaging import carriers


class Command(BaseCommand):
    """Asks each carrier in use about our account there, as beat does every ten minutes."""

    help = "See whether our accounts at the carriers still work and hold credit; raises alarms for those that don't."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"{carriers.check(timezone.now())} need a person")
