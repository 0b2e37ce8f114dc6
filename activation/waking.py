"""Telling the workers which jobs there are to do: a hint, as billing.waking gives it; the sweep finds the rest."""

from collections.abc import Sequence
from datetime import timedelta

from billing import waking

DRAIN = "activation.drain"


def wake(job_ids: Sequence[int], *, delay: timedelta = timedelta(0)) -> None:
    """Have a worker drain these jobs once the open transaction has committed."""
    if job_ids:
        waking.on_commit(DRAIN, list(job_ids), delay=delay)


def send(job_ids: Sequence[int]) -> bool:
    """Put the ids on the broker now; False when it could not be reached."""
    return waking.wake(DRAIN, list(job_ids))
