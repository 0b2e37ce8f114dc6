"""Fees for paying late: an invoice of their own, and only after a notice that arrived and a way to pay that worked.

The floor above proves the notice (``prove_by``); here it is checked that the bill may bear a fee at all. By Norwegian
rules a reminder that costs a fee comes fourteen days after the bill was due at the earliest (inkassoforskriften,
FOR-1989-07-14-562, paragraphs 1-2 and 1-3), which is kept everywhere.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db import transaction

from billing import audit, invoices
from billing.models import Invoice, InvoiceReservation, LateFee

NOT_BEFORE = timedelta(days=14)


# Of a bill, a fee's amount, a notice's reference and the present moment: when that notice was delivered, or None where
# it allows no such fee.
Proof = Callable[[Invoice, int, str, datetime], datetime | None]
_proof: Proof | None = None


class NoFee(Exception):
    """This bill bears no fee: paid, being paid, not late enough, a fee itself, charged before, no notice; as a code."""


def prove_by(proof: Proof | None) -> None:
    """Have this asked before every fee, whoever charges it; without one none is charged. Called when Django starts."""
    global _proof
    _proof = proof


def charge(*, invoice: Invoice, amount: int, names: dict[str, str], notice: str, now: datetime) -> Invoice:
    """Add a fee for a late bill: a new invoice on the same account, due at once; ``amount`` in minor units.

    ``notice`` is the reference of what told of the fee: it must be proved, under the bill's lock. Raises NoFee, and
    then nothing was written. Once for a bill, however often and from wherever it is called.
    """
    with transaction.atomic():
        # Not the key: payments and messages go on pointing to it.
        bill = Invoice.objects.select_for_update(of=("self",), no_key=True).get(pk=invoice.pk)
        bill.account = invoice.account
        refusal = why_not(bill, invoices.local_date(bill.account.legal_entity.operator.time_zone, now))
        if refusal:
            raise NoFee(refusal)
        delivered_at = _proof(bill, amount, notice, now) if _proof else None
        if delivered_at is None or delivered_at >= now:
            raise NoFee("no_notice")
        fee = invoices.place_draft(
            account=bill.account,
            currency=bill.currency,
            lines=[invoices.LineData(names=names, amount=amount)],
            now=now,
        )
        invoices.open_draft(fee, now)
        LateFee.objects.create(
            invoice=bill,
            fee_invoice=fee,
            notice_reference=notice,
            notice_delivered_at=delivered_at,
            charged_at=now,
        )
        audit.record(
            actor="system:reminders",
            verb="charge-late-fee",
            subject_reference=f"invoice:{bill.pk}",
            now=now,
            operator=bill.account.legal_entity.operator,
        )
    return fee


def why_not(bill: Invoice, today: date) -> str:
    """Why a bill bears no fee on this day, as a code; empty when it may."""
    if bill.status != Invoice.Status.OPEN or bill.amount_due <= 0:
        return "paid"
    if today < bill.due_on + NOT_BEFORE:
        return "not_late_enough"
    if InvoiceReservation.objects.filter(invoice=bill, released_at__isnull=True).exists():
        return "paying"
    if LateFee.objects.filter(fee_invoice=bill).exists():
        return "is_a_fee"
    if LateFee.objects.filter(invoice=bill).exists():
        return "charged_before"
    return ""
