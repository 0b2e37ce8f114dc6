"""Double-entry bookkeeping: every fact about money is one entry whose postings sum to zero.

What the entries look like:

======================  =====================================  ===========================
fact                    debit                                  credit
======================  =====================================  ===========================
a bill is opened        receivable (customer, invoice)         revenue (legal entity)
money came              gateway:<gateway>:<account>            receivable, the rest: credit
money went back         credit (customer)                      gateway:<gateway>:<account>
it could not go back    gateway:<gateway>:<account>            credit (customer)
======================  =====================================  ===========================
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Sum

from billing.models import Invoice, LedgerEntry, LedgerPosting, Operator, Payment

RECEIVABLE = "receivable"
REVENUE = "revenue"
CREDIT = "credit"
# The kinds of entries about money that went back, or was to.
REFUND_KINDS = ("refund", "refund_returned")


class Unbalanced(ValueError):
    """Postings that do not sum to zero in each currency; the database would refuse them too."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of a booking: debit positive, credit negative, minor units."""

    account: str
    currency: str
    amount: int
    customer_id: int | None = None
    invoice_id: int | None = None
    legal_entity_id: int | None = None


def gateway_account(payment: Payment) -> str:
    """The ledger's account for what a gateway holds for us."""
    return f"gateway:{payment.gateway}:{payment.gateway_account}"


def book(
    *, reference: str, operator: Operator, postings: Iterable[Posting], now: datetime, payment: Payment | None = None
) -> bool:
    """Write one entry; False when the fact ``reference`` (``<kind>:<what>``) is booked already."""
    kept = [posting for posting in postings if posting.amount]
    totals: dict[str, int] = {}
    for posting in kept:
        totals[posting.currency] = totals.get(posting.currency, 0) + posting.amount
    if any(totals.values()) or not kept:
        raise Unbalanced(f"{reference} does not balance: {totals}")
    try:
        with transaction.atomic():
            entry = LedgerEntry.objects.create(
                operator=operator,
                kind=reference.split(":")[0],
                reference=reference,
                booked_at=now,
                payment=payment,
            )
            LedgerPosting.objects.bulk_create(LedgerPosting(entry=entry, **asdict(posting)) for posting in kept)
    except IntegrityError:
        if LedgerEntry.objects.filter(reference=reference).exists():
            return False
        raise
    return True


def balance(customer_id: int, currency: str) -> int:
    """What the customer owes in all, in minor units; negative: what we owe them."""
    total = LedgerPosting.objects.filter(
        customer_id=customer_id, currency=currency, account__in=[RECEIVABLE, CREDIT]
    ).aggregate(total=Sum("amount"))["total"]
    return int(total or 0)


def paid_on_invoice(invoice: Invoice) -> int:
    """What the ledger says has been paid on an invoice, in minor units."""
    total = LedgerPosting.objects.filter(invoice=invoice, account=RECEIVABLE, entry__payment__isnull=False).aggregate(
        total=Sum("amount")
    )["total"]
    return -int(total or 0)
