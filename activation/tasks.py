"""What the workers are woken for; the rows say what is to be done."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from activation import jobs, sweep, waking
from billing.lib.time_limit import within

# With the patience for the last calls (jobs.PATIENCE_SECONDS) a worker is back for webhooks and messages after 27 s
# at most, however slow the network is; well within Celery's own limit.
DRAIN_FOR = timedelta(seconds=15)
SWEEP_SECONDS = 25.0
AT_ONCE = 10


@shared_task(name=waking.DRAIN)
def drain(job_ids: list[int]) -> int:
    """Do these jobs, as far as they are due and nobody is at them."""
    return jobs.run_due(timezone.now, only=job_ids, until=timezone.now() + DRAIN_FOR, limit=len(job_ids))


@shared_task(name="activation.sweep")
def sweep_all() -> int:
    """Find what is missing or left lying, and spread it over the workers; how many jobs were due."""
    now = timezone.now()
    sweep.find(now)
    left = sweep.due(now)
    for start in within(SWEEP_SECONDS, range(0, len(left), AT_ONCE)):
        if not waking.send(left[start : start + AT_ONCE]):
            drain(left[start : start + AT_ONCE])
    return len(left)
