"""What has to be done in the network because something was paid: only rows are written here, workers do it.

Called by the subscribers, in the transaction of the money, and by the sweep for what they missed. Repeats do nothing.
"""

from datetime import datetime

from django.db.models import QuerySet

from activation import waking
from activation.models import Activation, ActivationJob, Order, OrderItem
from activation.provisioners.base import ServiceOrder
from billing import audit, invoices, links
from billing.lib.transactions import whole
from billing.models import BillingAccount, Invoice, Payment

ACTOR = "system:activation"
# Not HELD: that a person must look stays so when the sweep comes by.
BEGINS_FROM = {Order.Status.ACKNOWLEDGED, Order.Status.CANCELLED}


@whole
def begin(order: Order, *, payment_id: int, now: datetime) -> bool:
    """Put a paid order under way, with one job for each item; False when that was so already.

    Also from cancelled: money may come for a payment that we had given up. Also for an order under way that lacks a
    job. Raises nothing for an order that is finished.
    """
    order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    has_begun = order.status in BEGINS_FROM
    if has_begun:
        order.status = Order.Status.IN_PROGRESS
        order.save(update_fields=["status"])
        payment = Payment.objects.select_related("operator").get(pk=payment_id)
        links.note(payment.link_id, "order_started", now, payment_id)
        audit.record(
            actor=ACTOR,
            verb="begin-order",
            subject_reference=f"order:{order.reference}",
            now=now,
            operator=payment.operator,
        )
    if order.status not in (Order.Status.IN_PROGRESS, Order.Status.HELD):
        return False
    items = order.items.filter(jobs__isnull=True).select_related("package", "device").order_by("pk")
    jobs = [_activating(order, item, payment_id, now) for item in items]
    ActivationJob.objects.bulk_create(jobs)
    waking.wake([job.pk for job in jobs])
    return has_begun or bool(jobs)


@whole
def restore(activation: Activation, *, payment_id: int | None, now: datetime) -> bool:
    """Have a suspended service switched on again, once for each suspension; False when that is under way already."""
    rows = Activation.objects.select_for_update(of=("self",), no_key=True)
    locked = rows.select_related("device", "customer__operator").get(pk=activation.pk)
    if locked.status != Activation.Status.SUSPENDED:
        return False
    key = f"restore-{locked.reference}-{locked.suspension}"
    if ActivationJob.objects.filter(idempotency_key=key).exists():
        return False
    job = job_for(locked, ActivationJob.Kind.RESTORE, key, now)
    job.payment_id = payment_id
    job.save()
    audit.record(
        actor=ACTOR,
        verb="restore-service",
        subject_reference=f"service:{locked.reference}",
        now=now,
        operator=locked.customer.operator,
    )
    waking.wake([job.pk])
    return True


def restore_account(account: BillingAccount, *, payment_id: int | None, now: datetime) -> int:
    """Restore what was suspended on an account that owes nothing overdue any more; how many that began."""
    if owes_overdue(account, now):
        return 0
    return sum(restore(activation, payment_id=payment_id, now=now) for activation in suspended(account))


def suspended(account: BillingAccount) -> QuerySet[Activation]:
    """What is switched off on this account because of arrears, in the order in which it is locked."""
    return Activation.objects.filter(account=account, status=Activation.Status.SUSPENDED).order_by("pk")


def owes_overdue(account: BillingAccount, now: datetime) -> bool:
    """Whether an owed bill of this account is past its due date, by the operator's calendar."""
    today = invoices.local_date(account.legal_entity.operator.time_zone, now)
    return Invoice.objects.filter(account=account).overdue(today).exists()


def job_for(activation: Activation, kind: ActivationJob.Kind, key: str, now: datetime) -> ActivationJob:
    """An unsaved job that switches something which is in our books already."""
    order = ServiceOrder(
        idempotency_key=key,
        action=kind.value,
        service_code=activation.service_code,
        service_reference=activation.reference,
        device_reference=activation.device.reference if activation.device else "",
    )
    return ActivationJob(
        kind=kind, activation=activation, idempotency_key=key, request=order.as_request(), created_at=now, run_after=now
    )


def _activating(order: Order, item: OrderItem, payment_id: int, now: datetime) -> ActivationJob:
    reference = f"{order.reference}-{item.pk}"
    asked = ServiceOrder(
        idempotency_key=f"activate-{reference}",
        action=ActivationJob.Kind.ACTIVATE.value,
        service_code=item.package.code,
        service_reference=reference,
        device_reference=item.device.reference if item.device else "",
        duration_days=item.duration_days,
    )
    return ActivationJob(
        kind=ActivationJob.Kind.ACTIVATE,
        order_item=item,
        payment_id=payment_id,
        idempotency_key=asked.idempotency_key,
        request=asked.as_request(),
        created_at=now,
        run_after=now,
    )
