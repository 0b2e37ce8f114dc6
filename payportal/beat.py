"""Celery beat without a file of its own: the schedule is all in settings, so nothing needs remembering."""

from celery.beat import Scheduler


class MemoryScheduler(Scheduler):
    """Beat's plain scheduler: every entry is due once at the start and then at its interval.

    Two beats at once only wake the sweeps twice as often; the sweeps are idempotent.
    """
