"""Doing what is to be done in the network: claim a row, call outside any transaction, write down what came of it.

A claim is a lease: a worker that dies leaves a row that the next one takes up when the lease has run out, under the
same idempotency key, and after asking the network what it knows. The claim's number decides who may finish.
``clock`` is asked for the time (``timezone.now``), since a call takes some.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import connection

from activation import outcomes, provisioners, waking
from activation.calls import Calls, Quiet
from activation.models import ActivationJob, Order
from activation.provisioners.base import (
    Provisioner,
    ProvisionerRefused,
    ProvisionerUnavailable,
    ProvisionerUnknown,
    ServiceOrder,
    ServiceState,
)
from billing import audit
from billing.lib.transactions import whole

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
Answer = ServiceState | Exception
NO_ANSWER = (ProvisionerUnavailable, ProvisionerUnknown)

_ANY = 2**31 - 1

quiet = Quiet()

# Longer than anybody waits for a call (PATIENCE_SECONDS), short enough that a dead worker's job, found by the next
# sweep, is done within a minute.
LEASE = timedelta(seconds=30)

# A call and the question after it usually have this long (http.TIMEOUT_SECONDS). Who takes longer may have done it:
# unknown, as an answer that was lost; asked about at the next try.
PATIENCE_SECONDS = 12.0

# Calls under way at once in one worker: it waits for the network, not for the processor.
AT_ONCE = 8

# MATERIALIZED: the planner may otherwise run the inner part again and claim more than the limit.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM activation_activationjob
    WHERE status IN ('queued', 'running') AND run_after <= %(now)s AND attempts <= %(attempts)s {which}
    ORDER BY run_after, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE activation_activationjob AS job
SET status = 'running', claim = claim + 1, attempts = attempts + 1,
    claimed_until = %(until)s, run_after = %(until)s
FROM due WHERE job.id = due.id
RETURNING job.*
"""


def claim(now: datetime, *, limit: int = 1, only: Sequence[int] | None = None) -> list[ActivationJob]:
    """Take due jobs that nobody holds, the longest waiting first. Two workers never get the same one."""
    return _claim(now, limit, only, attempts=_ANY)


def claim_batch(now: datetime, limit: int, only: Sequence[int] | None = None) -> list[ActivationJob]:
    """Take several jobs that were never tried, or else one that was.

    Whatever kills its worker is then alone with it the next time, and takes no other job to the work list.
    """
    return _claim(now, min(limit, AT_ONCE), only, attempts=0) or _claim(now, 1, only, attempts=_ANY)


def run_due(clock: Clock, *, limit: int = 100, only: Sequence[int] | None = None, until: datetime | None = None) -> int:
    """Do what is due and say how many were taken up.

    Stops at ``limit``, when it is later than ``until``, and when the network hangs. A job whose doing fails in an
    unforeseen way is left to its lease, and the next one is done.
    """
    _refuse_transaction()
    taken = 0
    with Calls(partial(_call, provisioners.current()), AT_ONCE) as calls:
        while taken < limit and (until is None or clock() < until) and not quiet.is_kept():
            batch = claim_batch(clock(), limit - taken, only)
            taken += len(batch)
            if not batch or not _run_batch(batch, clock, calls):
                break
    return taken


def run(job: ActivationJob, clock: Clock) -> bool:
    """Do one claimed job. True when this very call has brought it to its end."""
    _refuse_transaction()
    return _conclude(job, _call(provisioners.current(), job), clock())


def _claim(now: datetime, limit: int, only: Sequence[int] | None, attempts: int) -> list[ActivationJob]:
    query = _CLAIM.format(which="" if only is None else "AND id = ANY(%(only)s)")
    asked = {"now": now, "until": now + LEASE, "limit": limit, "only": list(only or ()), "attempts": attempts}
    return list(ActivationJob.objects.raw(query, asked))


def _run_batch(batch: list[ActivationJob], clock: Clock, calls: Calls[ActivationJob, Answer]) -> bool:
    """Call for all of them at once, and write down the answers as they come. False when a call hangs."""
    began = time.monotonic()
    left, is_answered = set(batch), False
    for came in calls.answers(batch, PATIENCE_SECONDS):
        left -= {job for job, _ in came}
        is_answered |= any(not isinstance(answer, NO_ANSWER) for _, answer in came)
        _conclude_all(came, clock())
    _conclude_all([(job, ProvisionerUnknown("no answer in time")) for job in left], clock())
    quiet.heard(is_answered, time.monotonic() - began)
    return not left


def _conclude_all(answers: list[tuple[ActivationJob, Answer]], now: datetime) -> None:
    """What went well is written in one transaction; should that fail, each in its own, so that one harms no other."""
    done = [job for job, answer in answers if isinstance(answer, ServiceState) and answer.is_done]
    others = [(job, answer) for job, answer in answers if job not in done]
    if len(done) > 1:
        try:
            outcomes.finish_all(done, now)
        except Exception as error:
            log.warning("finished_one_by_one", jobs=len(done), error=type(error).__name__)
        else:
            answers = others
    for job, answer in answers:
        try:
            _conclude(job, answer, now)
        except Exception as error:
            log.exception("job_failed", job=job.pk, error=type(error).__name__)


def _refuse_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("the network is never called inside a transaction")


def _call(network: Provisioner, job: ActivationJob) -> Answer:
    """What the network answers, or what went wrong."""
    if job.attempts > outcomes.ATTEMPTS_LIMIT:
        # Claimed again and again and never answered for: whoever takes it up dies of it.
        return ProvisionerRefused("attempts used up")
    try:
        return _switch(network, job)
    except Exception as error:
        return error


def _conclude(job: ActivationJob, answer: Answer, now: datetime) -> bool:
    match answer:
        case ServiceState(is_done=True):
            return outcomes.finish(job, now)
        case ServiceState():
            return outcomes.postpone(job, "network is at it", now)
        case ProvisionerRefused():
            return outcomes.park(job, str(answer), now)
        case ProvisionerUnavailable() | ProvisionerUnknown():
            return outcomes.postpone(job, str(answer), now)
    # An adapter must not do this. What it did before is not known: ask first, next time.
    log.error("provisioner_broke_its_contract", job=job.pk, exc_info=answer)
    return outcomes.postpone(job, type(answer).__name__, now)


def order_of(job: ActivationJob) -> ServiceOrder:
    """What the network is asked for, as it was written down before the first call."""
    return ServiceOrder(idempotency_key=job.idempotency_key, **job.request)


@whole
def retry(job: ActivationJob, *, actor: str, now: datetime) -> bool:
    """A person has mended the cause: do a parked job again, after asking the network. False when it isn't parked."""
    changed = ActivationJob.objects.filter(pk=job.pk, status=ActivationJob.Status.PARKED).update(
        # One attempt is on record: the next asks the network first.
        status=ActivationJob.Status.QUEUED,
        attempts=1,
        run_after=now,
        error="",
    )
    if not changed:
        return False
    if job.order_item:
        Order.objects.filter(pk=job.order_item.order_id, status=Order.Status.HELD).exclude(
            items__jobs__status=ActivationJob.Status.PARKED
        ).update(status=Order.Status.IN_PROGRESS)
    audit.record(
        actor=actor,
        verb="retry-job",
        subject_reference=f"job:{job.idempotency_key}",
        now=now,
        operator=job.customer.operator,
    )
    waking.wake([job.pk])
    return True


def _switch(network: Provisioner, job: ActivationJob) -> ServiceState:
    """Ask first where an earlier try may have gone through; then do it; and ask once more when no answer came."""
    order = order_of(job)
    if job.attempts > 1:
        known = network.look_up(order.idempotency_key)
        if known is not None:
            return known
    try:
        return network.switch(order)
    except ProvisionerUnknown:
        known = network.look_up(order.idempotency_key)
        if known is None:
            raise
        return known
