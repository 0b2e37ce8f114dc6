"""The tap: what is asked for is written down and reserved before anybody outside is called."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from billing import links
from billing.lib import references
from billing.models import Invoice, InvoiceReservation, Payment, PaymentItem, PaymentLink
from billing.payments.moving import move

Status = Payment.Status


class NothingDue(Exception):
    """There is nothing to be paid (any more)."""


class AmountChanged(Exception):
    """What is asked for now is not what the customer saw."""


class LinkEnded(Exception):
    """The link ran out, was withdrawn or has a fresh one in its place: nothing is begun on it any more."""


class PaymentInProgress(Exception):
    """This link's payment is with the bank: nothing may change until it has said so."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.reference)
        self.payment = payment


class BillsTaken(Exception):
    """Another payment reserves one of the bills."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.reference)
        self.payment = payment


def open_for_link(link: PaymentLink) -> Payment | None:
    """The link's one payment that may still succeed."""
    return Payment.objects.filter(link=link, status__in=Payment.OPEN).first()


def blocking(link: PaymentLink) -> Payment | None:
    """Somebody else's open payment that reserves one of the bills this link would show."""
    return (
        Payment.objects.filter(
            reservations__released_at__isnull=True,
            reservations__invoice__in=Invoice.objects.of_customer(link.customer_id, link.currency).owed(),
        )
        .exclude(link=link)
        .order_by("pk")
        .first()
    )


def start(*, link: PaymentLink, invoices: Sequence[Invoice], amount_shown: int, now: datetime) -> Payment:
    """Ask for these invoices: write payment, items and reservations; the gateway is called afterwards.

    Part of the caller's transaction, which holds the link's row (``lock_live_link``). Raises LinkEnded, NothingDue,
    AmountChanged, PaymentInProgress or BillsTaken, and then nothing was written.
    """
    lock_live_link(link, now)
    locked = lock_invoices([invoice.pk for invoice in invoices])
    due = {invoice.pk: invoice.amount_due for invoice in locked if _is_payable(invoice)}
    if not due or len(due) != len(invoices):
        raise NothingDue if not due else AmountChanged
    if sum(due.values()) != amount_shown:
        raise AmountChanged
    payment = Payment.objects.select_for_update(no_key=True).filter(link=link, status__in=Payment.OPEN).first()
    if payment and payment.status == Status.PROCESSING:
        raise PaymentInProgress(payment)
    payment = _ask_again(payment, due, now) if payment else _ask_first(link, due, now)
    _reserve(payment, due, now)
    links.note(link, "pay_tapped", now, payment)
    return payment


def lock_link(link: PaymentLink) -> PaymentLink:
    """Make taps on one link come one after the other. First of all locks: link, invoices by key, payment.

    All of them without the key: others may go on writing rows that point to what is locked (timeline, jobs, messages),
    and can't wait for the money while the money waits for them. Returns the row as it is now.
    """
    return PaymentLink.objects.select_for_update(of=("self",), no_key=True).get(pk=link.pk)


def lock_live_link(link: PaymentLink, now: datetime) -> None:
    """The same for who begins a payment: a fresh link takes this lock too before it ends the old one.

    Raises LinkEnded. A payment that was begun before is not asked: it settles.
    """
    row = lock_link(link)
    if row.revoked_at or row.expires_at <= now:
        raise LinkEnded


def lock_invoices(keys: Iterable[int]) -> list[Invoice]:
    """Lock invoices in primary-key order: two payments can't wait for each other."""
    locked = Invoice.objects.select_for_update(of=("self",), no_key=True)
    return list(locked.filter(pk__in=list(keys)).order_by("pk"))


def lock_payment(payment_id: int) -> Payment:
    """The payment as it is now, the last of the three locks."""
    locked = Payment.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("operator", "link").get(pk=payment_id)


def _is_payable(invoice: Invoice) -> bool:
    return invoice.status in (Invoice.Status.OPEN, Invoice.Status.DRAFT) and invoice.amount_due > 0


def _ask_first(link: PaymentLink, due: dict[int, int], now: datetime) -> Payment:
    payment = Payment.objects.create(
        operator=link.operator,
        customer_id=link.customer_id,
        link=link,
        reference=references.new_reference(),
        currency=link.currency,
        amount=sum(due.values()),
        gateway=link.operator.gateway,
        gateway_account=link.operator.gateway_account,
        created_at=now,
        touched_at=now,
    )
    _write_items(payment, due)
    return payment


def _ask_again(payment: Payment, due: dict[int, int], now: datetime) -> Payment:
    """The same payment, asking for what is ticked now; a new version only when that differs."""
    asked = dict(
        PaymentItem.objects.filter(payment=payment, version=payment.version).values_list("invoice_id", "amount")
    )
    if asked != due:
        payment.version += 1
        payment.amount = sum(due.values())
        _write_items(payment, due)
    payment.touched_at = now
    payment.save(update_fields=["version", "amount", "touched_at"])
    if payment.status == Status.FAILED:
        # A new attempt: the refusal of the one before is over, and a second one will be news.
        move(payment, Status.CREATED, now, failure_code="")
    return payment


def _write_items(payment: Payment, due: dict[int, int]) -> None:
    PaymentItem.objects.bulk_create(
        PaymentItem(payment=payment, version=payment.version, invoice_id=invoice_id, amount=amount)
        for invoice_id, amount in due.items()
    )


def _reserve(payment: Payment, due: dict[int, int], now: datetime) -> None:
    """Reserve what is asked for; the database's unique index decides between two payers."""
    held = dict(
        InvoiceReservation.objects.filter(invoice_id__in=due, released_at__isnull=True).values_list(
            "invoice_id", "payment_id"
        )
    )
    others = [payment_id for payment_id in held.values() if payment_id != payment.pk]
    if others:
        raise BillsTaken(Payment.objects.get(pk=others[0]))
    try:
        with transaction.atomic():
            InvoiceReservation.objects.bulk_create(
                InvoiceReservation(invoice_id=invoice_id, payment=payment, created_at=now)
                for invoice_id in sorted(due)
                if invoice_id not in held
            )
    except IntegrityError:
        taken = InvoiceReservation.objects.filter(invoice_id__in=due, released_at__isnull=True).exclude(payment=payment)
        other = taken.select_related("payment").first()
        if other is None:
            raise
        raise BillsTaken(other.payment) from None
