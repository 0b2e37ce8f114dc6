from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from payportal.messaging import sweeping


class Command(BaseCommand):
    """Writes the messages that are missing and sends what is due, as beat does every few seconds."""

    help = "Write the messages that are missing and send what is due."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=sweeping.LOOK_BACK.days, help="how far to look back")

    def handle(self, *, days: int, **options: Any) -> None:
        self.stdout.write(f"{sweeping.sweep(timezone.now(), timedelta(days=days))} sent")
