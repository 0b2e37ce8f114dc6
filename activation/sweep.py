"""What should have been done and was not: found in the rows, finished by the same verbs, as often as you like."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, Q

from activation import expiry, fulfilment, ordering
from activation.models import Activation, ActivationJob, Order, OrderItem
from billing import invoices
from billing.models import BillingAccount, Invoice, Operator, PaymentAllocation

log = structlog.get_logger(__name__)

BATCH = 200
# Money for a cancelled order comes within days or never; without a limit every abandoned basket is looked at for ever.
CANCELLED_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Found:
    """How many of each were put right."""

    begun: int
    cancelled: int
    restored: int
    ended: int


def find(now: datetime) -> Found:
    """Put right what is missing in the rows. The jobs themselves are then done by ``jobs.run_due``."""
    found = Found(
        begun=begin_paid(now),
        cancelled=cancel_voided(now),
        restored=restore_paid_up(now),
        ended=expiry.end_due(now),
    )
    if any(asdict(found).values()):
        log.info("sweep_found", **asdict(found))
    return found


def due(now: datetime, limit: int = 500) -> list[int]:
    """Jobs left lying: nobody was told of them, their pause is over, or their worker's lease has run out."""
    waiting = ActivationJob.objects.filter(
        status__in=[ActivationJob.Status.QUEUED, ActivationJob.Status.RUNNING], run_after__lte=now
    )
    return list(waiting.order_by("run_after", "pk").values_list("pk", flat=True)[:limit])


def begin_paid(now: datetime) -> int:
    """Orders whose bill is paid and that are not under way, or lack a job."""
    lacks_job = Exists(OrderItem.objects.filter(order=OuterRef("pk"), jobs__isnull=True))
    orders = Order.objects.filter(invoice__status=Invoice.Status.PAID).filter(
        Q(status=Order.Status.ACKNOWLEDGED)
        | Q(status=Order.Status.CANCELLED, created_at__gte=now - CANCELLED_FOR)
        | Q(lacks_job, status__in=[Order.Status.IN_PROGRESS, Order.Status.HELD])
    )
    begun = 0
    for order in orders.order_by("pk")[:BATCH]:
        payment_id = _paid_by(invoice__order=order)
        if payment_id is not None:
            begun += fulfilment.begin(order, payment_id=payment_id, now=now)
    return begun


def cancel_voided(now: datetime) -> int:
    """Orders whose draft was given up."""
    orders = Order.objects.filter(status=Order.Status.ACKNOWLEDGED, invoice__status=Invoice.Status.VOID)
    return sum(ordering.cancel(order, now) for order in orders.order_by("pk")[:BATCH])


def restore_paid_up(now: datetime) -> int:
    """Suspended services of accounts that owe nothing overdue: by each operator's own calendar."""
    restored = 0
    suspended = Activation.objects.filter(status=Activation.Status.SUSPENDED)
    for operator in Operator.objects.filter(legal_entities__accounts__activations__in=suspended).distinct():
        today = invoices.local_date(operator.time_zone, now)
        arrears = Invoice.objects.filter(account=OuterRef("pk")).overdue(today)
        accounts = BillingAccount.objects.filter(legal_entity__operator=operator)
        accounts = accounts.filter(Exists(suspended.filter(account=OuterRef("pk"))), ~Exists(arrears))
        for account in accounts.select_related("legal_entity__operator").order_by("pk")[:BATCH]:
            payment_id = _paid_by(invoice__account=account)
            restored += fulfilment.restore_account(account, payment_id=payment_id, now=now)
    return restored


def _paid_by(**which: object) -> int | None:
    """The newest payment of those invoices."""
    paid = PaymentAllocation.objects.filter(**which).order_by("-pk")
    return paid.values_list("payment_id", flat=True).first()
