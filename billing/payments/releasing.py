"""Letting go of what a payment holds: by fact, never by time (law 8)."""

from datetime import datetime

from billing import invoices
from billing.models import InvoiceReservation, Payment, PaymentItem


def items(payment: Payment, version: int) -> list[PaymentItem]:
    """What that version asked for, late bills first."""
    return list(
        PaymentItem.objects.filter(payment=payment, version=version)
        .select_related("invoice")
        .order_by("invoice__due_on", "invoice_id")
    )


def release_leftovers(payment: Payment, version: int, now: datetime) -> None:
    """Let go of what only other versions asked for: the gateway has confirmed that they can't be charged any more.

    Drafts among them are void; bills may be paid elsewhere.
    """
    kept = set(PaymentItem.objects.filter(payment=payment, version=version).values_list("invoice_id", flat=True))
    left = (
        InvoiceReservation.objects.filter(payment=payment, released_at__isnull=True)
        .exclude(invoice_id__in=kept)
        .order_by("invoice_id")
    )
    for reservation in left:
        reservation.released_at = now
        reservation.save(update_fields=["released_at"])
        invoices.void_draft(reservation.invoice_id, now)


def release_all(payment: Payment, now: datetime) -> None:
    """Let go of everything: the payment is settled, or the gateway has confirmed the cancel."""
    for reservation in InvoiceReservation.objects.filter(payment=payment, released_at__isnull=True).order_by(
        "invoice_id"
    ):
        reservation.released_at = now
        reservation.save(update_fields=["released_at"])
        invoices.void_draft(reservation.invoice_id, now)
