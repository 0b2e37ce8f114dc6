"""What workers do for messages; all of it is in messages.py and sweeping.py."""

from celery import shared_task
from django.utils import timezone

from billing.lib.time_limit import within
from payportal.messaging import carriers, draining, messages, recalling, reminding, sweeping


@shared_task(name=messages.DELIVER)
def deliver(*message_ids: int) -> None:
    """Send these messages, as far as that ends in time; the sweep finds what is left."""
    for message_id in within(sweeping.LONGEST_SECONDS, message_ids):
        messages.deliver(message_id, timezone.now())


@shared_task(name="messaging.sweep")
def sweep() -> None:
    """Finish what was left lying; beat wakes this."""
    sweeping.sweep(timezone.now())


@shared_task(name=draining.TASK)
def drain(lane: int, until: float) -> None:
    """Send some of a long queue and go to the end of the line; the sweep and campaigns wake this."""
    draining.turn(lane, until, timezone.now())


@shared_task(name="messaging.check_carriers")
def check_carriers() -> None:
    """See whether our accounts at the carriers still work and hold credit; beat wakes this."""
    carriers.check(timezone.now())


@shared_task(name="messaging.remind")
def remind() -> None:
    """Take the reminders' turns that have come; beat wakes this."""
    reminding.remind(timezone.now())


# Many pages may take longer than a worker's task may: acknowledged before, for an hour later the next one looks again.
@shared_task(name="messaging.recall", acks_late=False, soft_time_limit=600, time_limit=660)
def recall() -> None:
    """Ask carriers for receipts that got lost and for costs; beat wakes this."""
    recalling.recall(timezone.now())
