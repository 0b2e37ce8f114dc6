from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from activation import jobs, sweep


class Command(BaseCommand):
    """Finds what should have been switched and was not, and does it here and now, without any broker."""

    help = "Find paid orders, paid arrears and ended packages that were left lying, and do what is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=1000, help="at most so many jobs (1000)")

    def handle(self, *args: Any, **options: Any) -> None:
        found = sweep.find(timezone.now())
        done = jobs.run_due(timezone.now, limit=options["limit"])
        self.stdout.write(
            f"{found.begun} orders begun, {found.cancelled} cancelled, {found.restored} services to restore, "
            f"{found.ended} to end; {done} jobs taken up"
        )
