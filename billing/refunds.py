"""Money that went back: made by a person at the gateway, heard of here, booked once and said on the customer's pages.

A bill that was paid stays paid: whether it is owed again is a person's decision. Until then what went back stands on
the customer's credit in the ledger.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import Sum

from billing import audit, gateways, ledger, links
from billing.gateways.base import GatewayError, GatewayRefund, GatewayUnknown
from billing.lib.inserting import insert_new
from billing.lib.time_limit import within
from billing.lib.transactions import whole
from billing.models import Operator, Payment, Refund
from billing.payments.flagging import flag
from billing.payments.starting import lock_link, lock_payment

log = structlog.get_logger(__name__)
Status = Refund.Status

# On a person's work list: what was to go back is still here.
REFUND_FAILED = "refund_failed"
# How far back the sweep looks for refunds that no webhook told of.
LOOK_BACK = timedelta(days=3)
BATCH = 100
SECONDS = 30.0


def refresh(payment_id: int, now: datetime) -> bool:
    """Ask the gateway what of a payment went back, and hear it; False when nothing is new.

    Raises GatewayUnknown when no answer came, GatewayError when it was refused.
    """
    payment = Payment.objects.get(pk=payment_id)
    if payment.gateway_reference is None:
        return False
    return hear(payment_id, gateways.of(payment).refunds_of(payment.gateway_reference), now)


@whole
def hear(payment_id: int, told: Sequence[GatewayRefund], now: datetime) -> bool:
    """Make ours what the gateway said of a payment's refunds; False when nothing changed. Locks: link, payment.

    Of a payment that is not settled yet nothing is heard: money can't go back before it came, and whoever settles it
    asks again.
    """
    payment = Payment.objects.select_related("operator", "link").get(pk=payment_id)
    lock_link(payment.link)
    payment = lock_payment(payment_id)
    if payment.status != Payment.Status.SUCCEEDED:
        return False
    changed = [each for each in told if _hear(payment, each, now)]
    if changed:
        _sum_up(payment)
    return bool(changed)


def reconcile(now: datetime) -> int:
    """Hear of refunds that no webhook told of, and how those on their way stand; how many payments were asked about.

    Raises nothing for a single account or payment.
    """
    asked = 0
    accounts = Operator.objects.order_by().values_list("gateway", "gateway_account").distinct()
    for gateway, account in within(SECONDS, accounts):
        try:
            told = gateways.get(gateway, account).refunds_since(now - LOOK_BACK)
        except (GatewayUnknown, GatewayError, KeyError) as error:
            log.warning("refunds_not_listed", gateway_account=account, error=type(error).__name__)
            continue
        for payment_id, refunds in _news(gateway, account, told):
            asked += 1
            hear(payment_id, refunds, now)
    return asked + _look_after_pending(now)


def _hear(payment: Payment, told: GatewayRefund, now: datetime) -> bool:
    """One refund of a payment whose row is locked."""
    status = Status(told.status)
    new = Refund(
        payment=payment,
        gateway_reference=told.reference,
        status=status,
        currency=told.currency,
        amount=told.amount,
        created_at=told.created_at,
        heard_at=now,
    )
    if insert_new([new], unique=("payment_id", "gateway_reference")):
        refund = payment.refunds.get(gateway_reference=told.reference)
        if status in Refund.GONE:
            _book(refund, now, reference=f"refund:{refund.pk}", sign=1)
        _tell(refund, payment, now)
        return True
    refund = payment.refunds.get(gateway_reference=told.reference)
    if refund.status not in Refund.ALLOWED_FROM[status]:
        return False
    was_gone = refund.status in Refund.GONE
    refund.status = status
    refund.save(update_fields=["status"])
    if was_gone and status not in Refund.GONE:
        _book(refund, now, reference=f"refund_returned:{refund.pk}", sign=-1)
        _tell(refund, payment, now)
    return True


def _book(refund: Refund, now: datetime, *, reference: str, sign: int) -> None:
    payment = refund.payment
    amount = sign * refund.amount
    ledger.book(
        reference=reference,
        operator=payment.operator,
        postings=[
            ledger.Posting(ledger.CREDIT, refund.currency, amount, customer_id=payment.customer_id),
            ledger.Posting(ledger.gateway_account(payment), refund.currency, -amount),
        ],
        now=now,
        payment=payment,
    )


def _tell(refund: Refund, payment: Payment, now: datetime) -> None:
    """Keep that it happened; one that failed is a person's work, since the payer waits for it."""
    has_gone = refund.status in Refund.GONE
    links.note(payment.link, "refunded" if has_gone else REFUND_FAILED, now, payment)
    audit.record(
        actor=f"system:{payment.gateway}",
        verb="hear-refund",
        subject_reference=f"payment:{payment.reference}",
        reason=f"{refund.gateway_reference} {refund.status}",
        now=now,
        operator=payment.operator,
    )
    if refund.status == Status.FAILED:
        flag(payment, REFUND_FAILED, now)


def _sum_up(payment: Payment) -> None:
    gone = payment.refunds.filter(status__in=Refund.GONE, currency=payment.currency_received)
    payment.amount_refunded = gone.aggregate(total=Sum("amount"))["total"] or 0
    newest = gone.order_by("created_at").last()
    payment.refunded_at = newest.created_at if newest else None
    payment.save(update_fields=["amount_refunded", "refunded_at"])


def _news(gateway: str, account: str, told: Iterable[GatewayRefund]) -> list[tuple[int, list[GatewayRefund]]]:
    """What is new of payments that we know, by payment: two queries however much was told."""
    told = list(told)
    ours = dict(
        Payment.objects.filter(
            gateway=gateway,
            gateway_account=account,
            gateway_reference__in={each.payment_reference for each in told},
            status=Payment.Status.SUCCEEDED,
        ).values_list("gateway_reference", "pk")
    )
    known = set(
        Refund.objects.filter(payment__in=ours.values()).values_list("payment_id", "gateway_reference", "status")
    )
    news: dict[int, list[GatewayRefund]] = defaultdict(list)
    for each in told:
        payment_id = ours.get(each.payment_reference)
        if payment_id is not None and (payment_id, each.reference, each.status) not in known:
            news[payment_id].append(each)
    return list(news.items())


def _look_after_pending(now: datetime) -> int:
    """Ask about those that were on their way when they fell out of the sweep's days."""
    pending = Refund.objects.filter(status=Status.PENDING, created_at__lte=now - LOOK_BACK).order_by("heard_at")
    keys = list(dict.fromkeys(pending.values_list("payment_id", flat=True)[:BATCH]))
    asked = 0
    for payment_id in within(SECONDS, keys):
        Refund.objects.filter(payment_id=payment_id, status=Status.PENDING).update(heard_at=now)
        asked += 1
        try:
            refresh(payment_id, now)
        except (GatewayUnknown, GatewayError) as error:
            log.warning("refunds_not_asked", error=type(error).__name__)
    return asked
