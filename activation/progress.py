"""How far the network is with what a payment bought or brought back: what the status page shows."""

from dataclasses import dataclass
from datetime import datetime

from activation.models import ActivationJob, OrderItem
from activation.outcomes import LATE_FROM
from billing.models import Payment

WAITING = "waiting"
ON = "on"
DELAYED = "delayed"

BOUGHT = "bought"
RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Thing:
    """One service of a payment. ``names`` and ``device_names`` by language; ``until`` is None for what has no end."""

    kind: str
    state: str
    names: dict[str, str]
    device_names: dict[str, str] | None = None
    icon: str = "play"
    at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """All services of a payment; none at all when it was for bills that nothing hung on."""

    things: tuple[Thing, ...] = ()

    @property
    def is_all_on(self) -> bool:
        """Nothing is left that could change."""
        return all(thing.state == ON for thing in self.things)

    @property
    def is_any_delayed(self) -> bool:
        """Something takes longer, or waits for a person."""
        return any(thing.state == DELAYED for thing in self.things)


def of_payment(payment: Payment) -> Progress:
    """What this payment bought and brought back: one query, and a second one while there are no jobs yet."""
    jobs = (
        ActivationJob.objects.filter(payment=payment)
        .filter(kind__in=[ActivationJob.Kind.ACTIVATE, ActivationJob.Kind.RESTORE])
        .select_related("order_item__package", "order_item__device", "order_item__activation", "activation__device")
        .order_by("kind", "order_item__package__position", "pk")
    )
    things = tuple(_restored(job) if job.order_item is None else _bought(job.order_item, job) for job in jobs)
    return Progress(things or tuple(_bought(item, None) for item in _items(payment)))


def _items(payment: Payment) -> list[OrderItem]:
    """What the payment's money went to: with several sums asked for, not always what was ticked last."""
    paid = OrderItem.objects.filter(order__invoice__allocations__payment=payment)
    return list(paid.select_related("package", "device").order_by("package__position", "pk"))


def _bought(item: OrderItem, job: ActivationJob | None) -> Thing:
    activation = getattr(item, "activation", None) if job else None
    return Thing(
        kind=BOUGHT,
        state=_state(job),
        names=item.package.names,
        device_names=item.device.names if item.device else None,
        icon=item.package.icon,
        at=activation.started_at if activation else None,
        until=activation.ends_at if activation else None,
    )


def _restored(job: ActivationJob) -> Thing:
    activation = job.activation
    assert activation is not None  # activationjob_has_subject
    return Thing(
        kind=RESTORED,
        state=_state(job),
        names=activation.names,
        device_names=activation.device.names if activation.device else None,
        icon="tv" if activation.service_code == "tv" else "play",
        at=job.done_at,
        until=activation.ends_at,
    )


def _state(job: ActivationJob | None) -> str:
    """Delayed from the moment that the customer was told so."""
    if job is None:
        return WAITING
    if job.status == ActivationJob.Status.DONE:
        return ON
    # A running job counts the try that is under way.
    failed = job.attempts - (job.status == ActivationJob.Status.RUNNING)
    return DELAYED if job.status == ActivationJob.Status.PARKED or failed >= LATE_FROM else WAITING
