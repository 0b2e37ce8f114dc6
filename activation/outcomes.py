"""What came of a call to the network, written in one transaction, and only by whoever still holds the claim."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from activation import waking
from activation.events import ServiceActivated, ServiceDelayed
from activation.models import Activation, ActivationJob, Order, OrderItem
from billing import audit, events
from billing.lib.transactions import whole
from billing.models import AuditEntry, LinkEvent, Payment

log = structlog.get_logger(__name__)

Kind = ActivationJob.Kind
Status = ActivationJob.Status

ACTOR = "system:activation"
# With these pauses a network that is away for a quarter of an hour costs nobody a visit to the work list.
ATTEMPTS_LIMIT = 12
LONGEST_PAUSE = timedelta(minutes=5)
# From this try on (about a quarter of a minute) the customer is told that it takes longer.
LATE_FROM = 5

# Of what is claimed still under the number that the caller knows.
_TAKE = """
UPDATE activation_activationjob AS job SET status = 'done', done_at = %s, error = ''
FROM unnest(%s::bigint[], %s::bigint[]) AS mine (id, claim)
WHERE job.id = mine.id AND job.claim = mine.claim AND job.status = 'running'
RETURNING job.id
"""


def finish(job: ActivationJob, at: datetime) -> bool:
    """The network has done it: write what is so now. False, and nothing written, when another took the job over."""
    return bool(finish_all([job], at))


@whole
def finish_all(jobs: Sequence[ActivationJob], at: datetime) -> int:
    """The network has done these: what is so now, in one transaction; how many of them were still ours to finish."""
    taken = _take(jobs, at)
    ours = [job for job in jobs if job.pk in taken]
    on = _activate([job for job in ours if job.kind == Kind.ACTIVATE], at)
    for job in ours:
        if job.kind == Kind.END:
            _end(job, at)
        elif job.kind == Kind.RESTORE:
            on |= _restore(job)
    paid_by = _payments(ours)
    switched_on = [job for job in ours if job.pk in on]
    _note(switched_on, "switched_on", at, paid_by)
    _audit(switched_on, "switch-on", at, paid_by)
    events.publish_all(
        [ServiceActivated(activation_id=on[job.pk], payment_id=job.payment_id, at=at) for job in switched_on]
    )
    return len(ours)


def postpone(job: ActivationJob, error: str, now: datetime) -> bool:
    """It may work later: pause, longer each time, and park it after the last try. True when it came to its end."""
    if job.attempts >= ATTEMPTS_LIMIT:
        return park(job, error, now)
    pause = min(timedelta(seconds=2 ** (job.attempts - 1)), LONGEST_PAUSE)
    _requeue(job, pause, error, now)
    log.warning("job_postponed", job=job.pk, attempts=job.attempts, error=error[:200])
    return False


@whole
def park(job: ActivationJob, error: str, now: datetime) -> bool:
    """A person must look: the queue goes on without it, the order is held and the customer is told, once."""
    if not _held(job).update(status=Status.PARKED, claimed_until=None, error=error[:200]):
        return False
    if job.order_item_id:
        allowed = Order.ALLOWED_FROM[Order.Status.HELD]
        Order.objects.filter(items=job.order_item_id, status__in=allowed).update(status=Order.Status.HELD)
    paid_by = _payments([job])
    _audit([job], "park-job", now, paid_by, reason=error)
    log.error("job_parked", job=job.pk, attempts=job.attempts, error=error[:200])
    if job.kind != Kind.END:
        _note([job], "delayed", now, paid_by)
        events.publish(ServiceDelayed(job_id=job.pk, payment_id=job.payment_id, at=now))
    return True


@whole
def _requeue(job: ActivationJob, pause: timedelta, error: str, now: datetime) -> None:
    run_after = now + pause
    if not _held(job).update(status=Status.QUEUED, run_after=run_after, claimed_until=None, error=error[:200]):
        return
    if job.attempts == LATE_FROM and job.kind != Kind.END:
        _note([job], "delayed", now, _payments([job]))
    waking.wake([job.pk], delay=pause)


def _held(job: ActivationJob) -> QuerySet[ActivationJob]:
    """The job's row, as long as this claim is the newest."""
    return ActivationJob.objects.filter(pk=job.pk, status=Status.RUNNING, claim=job.claim)


def _take(jobs: Sequence[ActivationJob], at: datetime) -> set[int]:
    """Mark as done what is still held under these claims; which they are."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [at, [job.pk for job in jobs], [job.claim for job in jobs]])
        return {row[0] for row in cursor.fetchall()}


def _activate(jobs: Sequence[ActivationJob], at: datetime) -> dict[int, int]:
    """Write what is on now, and complete the orders of which nothing is left; activations by job."""
    if not jobs:
        return {}
    # The orders are locked first, by key: of two items that finish together, the later one sees the earlier.
    locked = (
        OrderItem.objects.select_for_update(of=("order",), no_key=True)
        .select_related("order", "package")
        .filter(pk__in=[job.order_item_id for job in jobs])
        .order_by("order_id", "pk")
    )
    items = {item.pk: item for item in locked}
    activations = Activation.objects.bulk_create(
        _activation(job, items[job.order_item_id], at) for job in jobs if job.order_item_id is not None
    )
    _complete({item.order_id for item in items.values()}, at)
    return {job.pk: activation.pk for job, activation in zip(jobs, activations, strict=True)}


def _activation(job: ActivationJob, item: OrderItem, at: datetime) -> Activation:
    return Activation(
        customer_id=item.order.customer_id,
        order_item=item,
        device_id=item.device_id,
        reference=job.request["service_reference"],
        service_code=job.request["service_code"],
        names=item.package.names,
        started_at=at,
        ends_at=at + timedelta(days=item.duration_days),
    )


def _complete(order_ids: Iterable[int], at: datetime) -> None:
    """Complete those of these orders, whose rows are locked, of which nothing is left to do."""
    left = OrderItem.objects.filter(order=OuterRef("pk")).exclude(jobs__status=Status.DONE)
    allowed = Order.ALLOWED_FROM[Order.Status.COMPLETED]
    Order.objects.filter(~Exists(left), pk__in=order_ids, status__in=allowed).update(
        status=Order.Status.COMPLETED, completed_at=at
    )


def _restore(job: ActivationJob) -> dict[int, int]:
    assert job.activation_id is not None  # activationjob_has_subject
    allowed = Activation.ALLOWED_FROM[Activation.Status.ACTIVE]
    changed = Activation.objects.filter(pk=job.activation_id, status__in=allowed).update(
        status=Activation.Status.ACTIVE
    )
    return {job.pk: job.activation_id} if changed else {}


def _end(job: ActivationJob, at: datetime) -> None:
    allowed = Activation.ALLOWED_FROM[Activation.Status.ENDED]
    changed = Activation.objects.filter(jobs=job, status__in=allowed).update(
        status=Activation.Status.ENDED, ended_at=at
    )
    if changed:
        _audit([job], "switch-off", at, _payments([job]))


def _payments(jobs: Iterable[ActivationJob]) -> dict[int | None, Payment]:
    """The payments that these jobs are for, with their operators: one query for all of them."""
    keys = {job.payment_id for job in jobs if job.payment_id is not None}
    if not keys:
        return {}
    return {payment.pk: payment for payment in Payment.objects.select_related("operator").filter(pk__in=keys)}


def _note(jobs: Iterable[ActivationJob], kind: str, at: datetime, paid_by: Mapping[int | None, Payment]) -> None:
    # As links.note does it one by one.
    LinkEvent.objects.bulk_create(
        LinkEvent(link_id=paid_by[job.payment_id].link_id, payment_id=job.payment_id, kind=kind, at=at)
        for job in jobs
        if job.payment_id is not None
    )


def _audit(
    jobs: Iterable[ActivationJob], verb: str, now: datetime, paid_by: Mapping[int | None, Payment], reason: str = ""
) -> None:
    audit.record_all(
        AuditEntry(
            actor=ACTOR,
            verb=verb,
            subject_reference=f"service:{job.request['service_reference']}",
            at=now,
            reason=reason[:200],
            operator=paid.operator if (paid := paid_by.get(job.payment_id)) else job.customer.operator,
        )
        for job in jobs
    )
