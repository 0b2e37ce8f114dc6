"""What workers do for the pages."""

from celery import shared_task
from django.utils import timezone

from billing import alarms
from payportal import probing


@shared_task(name=probing.ALARM)
def probing_alarm(who: str, count: int) -> None:
    """Call a person: somebody tries addresses. ``who`` begins a hash, no address; or it is ``all of`` an operator."""
    alarms.raise_alarm("probing", who, timezone.now(), detail=f"{count} in {probing.WINDOW_SECONDS} s")
