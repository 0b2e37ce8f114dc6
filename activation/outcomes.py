"""What came of a call to the network, written in one transaction, and only by whoever still holds the claim."""

from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from activation import waking
from activation.events import ServiceActivated, ServiceDelayed
from activation.models import Activation, ActivationJob, Order, OrderItem
from billing import audit, events, links
from billing.lib.transactions import whole
from billing.models import Payment

log = structlog.get_logger(__name__)

Kind = ActivationJob.Kind
Status = ActivationJob.Status

ACTOR = "system:activation"
# With these pauses a network that is away for a quarter of an hour costs nobody a visit to the work list.
ATTEMPTS_LIMIT = 12
LONGEST_PAUSE = timedelta(minutes=5)
# From this try on (about a quarter of a minute) the customer is told that it takes longer.
LATE_FROM = 5


@whole
def finish(job: ActivationJob, at: datetime) -> bool:
    """The network has done it: write what is so now. False, and nothing written, when another took the job over."""
    if not _held(job).update(status=Status.DONE, done_at=at, error=""):
        return False
    if job.kind == Kind.END:
        _end(job, at)
        return True
    activation = _activate(job, at) if job.kind == Kind.ACTIVATE else _restore(job, at)
    if activation is None:
        return True
    _note(job, "switched_on", at)
    _audit(job, "switch-on", at)
    events.publish(ServiceActivated(activation_id=activation.pk, payment_id=job.payment_id, at=at))
    return True


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
    _audit(job, "park-job", now, reason=error)
    log.error("job_parked", job=job.pk, attempts=job.attempts, error=error[:200])
    if job.kind != Kind.END:
        _note(job, "delayed", now)
        events.publish(ServiceDelayed(job_id=job.pk, payment_id=job.payment_id, at=now))
    return True


@whole
def _requeue(job: ActivationJob, pause: timedelta, error: str, now: datetime) -> None:
    run_after = now + pause
    if not _held(job).update(status=Status.QUEUED, run_after=run_after, claimed_until=None, error=error[:200]):
        return
    if job.attempts == LATE_FROM and job.kind != Kind.END:
        _note(job, "delayed", now)
    waking.wake([job.pk], delay=pause)


def _held(job: ActivationJob) -> QuerySet[ActivationJob]:
    """The job's row, as long as this claim is the newest."""
    return ActivationJob.objects.filter(pk=job.pk, status=Status.RUNNING, claim=job.claim)


def _activate(job: ActivationJob, at: datetime) -> Activation:
    assert job.order_item_id is not None  # activationjob_has_subject
    # The order's row is locked first: of two items that finish together, the later one sees the earlier.
    item = (
        OrderItem.objects.select_for_update(of=("order",)).select_related("order", "package").get(pk=job.order_item_id)
    )
    activation = Activation.objects.create(
        customer_id=item.order.customer_id,
        order_item=item,
        device_id=item.device_id,
        reference=job.request["service_reference"],
        service_code=job.request["service_code"],
        names=item.package.names,
        started_at=at,
        ends_at=at + timedelta(days=item.duration_days),
    )
    _complete(item.order_id, at)
    return activation


def _complete(order_id: int, at: datetime) -> None:
    """Complete the order, whose row is locked, when nothing of it is left to do."""
    left = OrderItem.objects.filter(order=OuterRef("pk")).exclude(jobs__status=Status.DONE)
    allowed = Order.ALLOWED_FROM[Order.Status.COMPLETED]
    Order.objects.filter(~Exists(left), pk=order_id, status__in=allowed).update(
        status=Order.Status.COMPLETED, completed_at=at
    )


def _restore(job: ActivationJob, at: datetime) -> Activation | None:
    assert job.activation_id is not None  # activationjob_has_subject
    activation = Activation.objects.select_for_update().get(pk=job.activation_id)
    if activation.status not in Activation.ALLOWED_FROM[Activation.Status.ACTIVE]:
        return None
    activation.status = Activation.Status.ACTIVE
    activation.save(update_fields=["status"])
    return activation


def _end(job: ActivationJob, at: datetime) -> None:
    allowed = Activation.ALLOWED_FROM[Activation.Status.ENDED]
    changed = Activation.objects.filter(jobs=job, status__in=allowed).update(
        status=Activation.Status.ENDED, ended_at=at
    )
    if changed:
        _audit(job, "switch-off", at)


def _note(job: ActivationJob, kind: str, at: datetime) -> None:
    if job.payment_id is not None:
        link_id = Payment.objects.values_list("link_id", flat=True).get(pk=job.payment_id)
        links.note(link_id, kind, at, job.payment_id)


def _audit(job: ActivationJob, verb: str, now: datetime, reason: str = "") -> None:
    subject = f"service:{job.request['service_reference']}"
    audit.record(actor=ACTOR, verb=verb, subject_reference=subject, now=now, reason=reason)
