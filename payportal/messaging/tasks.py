"""What workers do for messages; all of it is in messages.py and sweeping.py."""

from celery import shared_task
from django.utils import timezone

from payportal.messaging import messages, sweeping


@shared_task(name=messages.DELIVER)
def deliver(message_id: int) -> None:
    """Send one message; the sweep finds what is left."""
    messages.deliver(message_id, timezone.now())


@shared_task(name="messaging.sweep")
def sweep() -> None:
    """Finish what was left lying; beat wakes this."""
    sweeping.sweep(timezone.now())
