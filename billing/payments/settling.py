"""What the gateway says becomes true here, once, whoever brings the word and however often."""

from dataclasses import dataclass, field
from datetime import datetime

import structlog

from billing import events, invoices, ledger
from billing.gateways.base import GatewayPayment
from billing.lib.transactions import whole
from billing.models import Invoice, Payment, PaymentAllocation, PaymentItem
from billing.payments.flagging import GATEWAY_REFUSED, flag, unflag
from billing.payments.moving import move
from billing.payments.releasing import items, release_all
from billing.payments.starting import lock_invoices, lock_link, lock_payment

log = structlog.get_logger(__name__)
Status = Payment.Status


@dataclass
class _Allocated:
    """What became of the received money."""

    rows: list[tuple[Invoice, int]] = field(default_factory=list)
    left: int = 0

    @property
    def paid(self) -> list[Invoice]:
        return [invoice for invoice, _ in self.rows if invoice.status == Invoice.Status.PAID]


@whole
def settle(payment_id: int, truth: GatewayPayment, now: datetime) -> bool:
    """Make ours what the gateway said of a payment; False when nothing changed.

    Money that came is booked from every state of ours. Locks: link, invoices by key, payment. Raises nothing for an
    answer about another object; that is logged and changes nothing.
    """
    payment = Payment.objects.select_related("operator", "link").get(pk=payment_id)
    lock_link(payment.link)
    lock_invoices(
        PaymentItem.objects.filter(payment=payment).order_by().values_list("invoice_id", flat=True).distinct()
    )
    payment = lock_payment(payment_id)
    # An object that we know is ours, whatever somebody edited at the gateway; one that we don't must name us.
    is_named = truth.metadata.get("payment") == payment.reference
    if not (payment.gateway_reference == truth.reference if payment.gateway_reference else is_named):
        log.error("another_gateway_object", payment=payment.reference)
        return False
    learned = _hear(payment, truth, now)
    # It answers again: somebody has mended the keys.
    unflag(payment, GATEWAY_REFUSED, now)
    target = Status(truth.status)
    if payment.status == target or payment.status not in Payment.ALLOWED_FROM[target]:
        return learned
    if target == Status.SUCCEEDED:
        _book(payment, truth, now)
    elif target == Status.CANCELED:
        move(payment, target, now, canceled_at=now)
        release_all(payment, now)
    elif target == Status.FAILED:
        move(payment, target, now, failure_code=truth.failure_code[:64], **_method(truth))
    else:
        move(payment, target, now, failure_code="", **_method(truth))
    return True


def _hear(payment: Payment, truth: GatewayPayment, now: datetime) -> bool:
    """Keep that the gateway answered, even if with nothing new; True when it told us of its object."""
    is_new = payment.gateway_reference is None
    payment.gateway_reference = truth.reference
    payment.answered_at = now
    payment.save(update_fields=["gateway_reference", "answered_at"])
    return is_new


def _method(truth: GatewayPayment) -> dict[str, object]:
    return {
        "method": truth.method[:32],
        "card_brand": truth.card_brand[:20],
        "card_last4": truth.card_last4[:4],
    }


def _book(payment: Payment, truth: GatewayPayment, now: datetime) -> None:
    """Book what was received as received: what matches goes to the invoices, the rest is the customer's credit."""
    was_canceled = payment.status == Status.CANCELED
    asked = items(payment, _version(truth, payment))
    allocated = _allocate(payment, asked, truth, now)
    _write_allocations(payment, allocated, now)
    if truth.amount_received:
        ledger.book(
            reference=f"payment:{payment.pk}",
            operator=payment.operator,
            postings=_postings(payment, truth, allocated),
            now=now,
            payment=payment,
        )
    move(
        payment,
        Status.SUCCEEDED,
        now,
        amount_received=truth.amount_received,
        currency_received=truth.currency,
        succeeded_at=now,
        failure_code="",
        **_method(truth),
    )
    release_all(payment, now)
    if allocated.left or sum(amount for _, amount in allocated.rows) != sum(item.amount for item in asked):
        flag(payment, "amount_unlike_asked" if truth.currency == payment.currency else "currency_unlike_asked", now)
    elif was_canceled:
        flag(payment, "came_after_cancel", now)
    events.publish(
        events.PaymentSucceeded(payment_id=payment.pk, amount=truth.amount_received, currency=truth.currency, at=now)
    )
    for invoice in allocated.paid:
        events.publish(events.InvoicePaid(invoice_id=invoice.pk, payment_id=payment.pk, at=now))


def _version(truth: GatewayPayment, payment: Payment) -> int:
    """Which version of the payment was charged: the gateway's object carries its number."""
    text = truth.metadata.get("version", "")
    if text.isdecimal() and PaymentItem.objects.filter(payment=payment, version=int(text)).exists():
        return int(text)
    return payment.version


def _allocate(payment: Payment, asked: list[PaymentItem], truth: GatewayPayment, now: datetime) -> _Allocated:
    """Bills first, late ones before others; then drafts, which are opened only when they can be paid in full."""
    done = _Allocated(left=truth.amount_received)
    if truth.currency != payment.currency:
        return done
    drafts = [item for item in asked if not item.invoice.number]
    for item in [item for item in asked if item.invoice.number]:
        invoice = item.invoice
        if invoice.status in Invoice.ALLOWED_FROM[Invoice.Status.PAID]:
            _pay(invoice, min(item.amount, invoice.amount_due, done.left), now, done)
    # In the order of the legal entities whose rows are locked for their numbers.
    for item in sorted(drafts, key=lambda item: (item.invoice.legal_entity_id, item.invoice_id)):
        if done.left >= item.invoice.amount and invoices.open_draft(item.invoice, now):
            _pay(item.invoice, item.invoice.amount, now, done)
    return done


def _pay(invoice: Invoice, amount: int, now: datetime, done: _Allocated) -> None:
    if amount <= 0:
        return
    invoice.amount_paid += amount
    if invoice.amount_due == 0:
        invoice.status = Invoice.Status.PAID
        invoice.paid_at = now
    invoice.save(update_fields=["amount_paid", "status", "paid_at"])
    done.rows.append((invoice, amount))
    done.left -= amount


def _write_allocations(payment: Payment, allocated: _Allocated, now: datetime) -> None:
    PaymentAllocation.objects.bulk_create(
        PaymentAllocation(payment=payment, invoice=invoice, amount=amount, created_at=now)
        for invoice, amount in allocated.rows
    )


def _postings(payment: Payment, truth: GatewayPayment, allocated: _Allocated) -> list[ledger.Posting]:
    customer = payment.customer_id
    postings = [ledger.Posting(ledger.gateway_account(payment), truth.currency, truth.amount_received)]
    postings += [
        ledger.Posting(
            ledger.RECEIVABLE,
            truth.currency,
            -amount,
            customer_id=customer,
            invoice_id=invoice.pk,
            legal_entity_id=invoice.legal_entity_id,
        )
        for invoice, amount in allocated.rows
    ]
    postings.append(ledger.Posting(ledger.CREDIT, truth.currency, -allocated.left, customer_id=customer))
    return postings
