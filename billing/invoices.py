"""Bills: issued by somebody else and taken in, or drawn up by us for a package and opened when the money comes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from billing import events, ledger
from billing.models import BillingAccount, Invoice, InvoiceLine, LegalEntity
from billing.models.invoice import InvoiceQuerySet


class WrongTotal(ValueError):
    """The lines do not sum to the bill's amount."""


@dataclass(frozen=True, slots=True)
class LineData:
    """One line: ``amount`` with tax, ``vat_amount`` of it, in minor units; ``vat_rate`` in hundredths of a percent."""

    names: dict[str, str]
    amount: int
    vat_amount: int = 0
    vat_rate: int = 0


@dataclass(frozen=True, slots=True)
class InvoiceData:
    """A bill as its issuer states it; amounts in minor units."""

    number: str
    currency: str
    amount: int
    vat_amount: int
    issued_on: date
    due_on: date
    period_start_on: date | None = None
    period_end_on: date | None = None
    lines: Sequence[LineData] = field(default_factory=tuple)
    source_digest: str = ""


def owed(customer_id: int, currency: str) -> InvoiceQuerySet:
    """What a customer owes in one currency across all accounts, late first."""
    return Invoice.objects.of_customer(customer_id, currency).owed().late_first()


def issue(*, account: BillingAccount, data: InvoiceData, now: datetime) -> Invoice:
    """Take in a bill: open, with its lines, and booked as owed.

    Raises WrongTotal, and IntegrityError where the legal entity has a bill of that number already.
    """
    if sum(line.amount for line in data.lines) != data.amount:
        raise WrongTotal(f"the lines of {data.number} do not sum to its amount")
    with transaction.atomic():
        invoice = Invoice.objects.create(
            account=account,
            legal_entity_id=account.legal_entity_id,
            number=data.number,
            status=Invoice.Status.OPEN,
            currency=data.currency,
            amount=data.amount,
            vat_amount=data.vat_amount,
            issued_on=data.issued_on,
            due_on=data.due_on,
            period_start_on=data.period_start_on,
            period_end_on=data.period_end_on,
            created_at=now,
            source_digest=data.source_digest,
        )
        _write_lines(invoice, data.lines)
        _book_opened(invoice, now)
    return invoice


def place_draft(*, account: BillingAccount, currency: str, lines: Sequence[LineData], now: datetime) -> Invoice:
    """Draw up what a package costs: no debt, no number, no booking, until it is paid."""
    today = local_date(account.legal_entity.operator.time_zone, now)
    invoice = Invoice.objects.create(
        account=account,
        legal_entity_id=account.legal_entity_id,
        status=Invoice.Status.DRAFT,
        currency=currency,
        amount=sum(line.amount for line in lines),
        vat_amount=sum(line.vat_amount for line in lines),
        issued_on=today,
        due_on=today,
        created_at=now,
    )
    _write_lines(invoice, lines)
    return invoice


def open_draft(invoice: Invoice, now: datetime) -> bool:
    """Give a draft its number and book it as owed; False when it is no draft.

    Also from void: money may come for a draft that was given up (law 6). The legal entity's row is locked, so numbers
    have no gaps: it is the last lock taken before the money is booked.
    """
    if invoice.status not in Invoice.ALLOWED_FROM[Invoice.Status.OPEN] or invoice.number:
        return False
    entity = LegalEntity.objects.select_for_update(no_key=True).get(pk=invoice.legal_entity_id)
    invoice.number = _next_number(entity)
    invoice.status = Invoice.Status.OPEN
    invoice.issued_on = invoice.due_on = local_date(entity.operator.time_zone, now)
    invoice.save(update_fields=["number", "status", "issued_on", "due_on"])
    _book_opened(invoice, now)
    return True


def _next_number(entity: LegalEntity) -> str:
    """The next number, past those that bills which were taken in have already; the entity's row is locked."""
    while True:
        number = f"{entity.invoice_prefix}{entity.next_invoice_number:06d}"
        entity.next_invoice_number += 1
        if not Invoice.objects.filter(legal_entity=entity, number=number).exists():
            entity.save(update_fields=["next_invoice_number"])
            return number


def void_draft(invoice_id: int, now: datetime) -> bool:
    """A draft that nobody will pay; says so to the floors above. False when it was no draft (any more)."""
    changed = Invoice.objects.filter(pk=invoice_id, status=Invoice.Status.DRAFT).update(status=Invoice.Status.VOID)
    if changed:
        events.publish(events.InvoiceVoided(invoice_id=invoice_id, at=now))
    return bool(changed)


def local_date(time_zone: str, now: datetime) -> date:
    """The calendar day where the operator is."""
    return now.astimezone(ZoneInfo(time_zone)).date()


def _write_lines(invoice: Invoice, lines: Sequence[LineData]) -> None:
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice,
            position=position,
            names=line.names,
            amount=line.amount,
            vat_amount=line.vat_amount,
            vat_rate=line.vat_rate,
        )
        for position, line in enumerate(lines, start=1)
    )


def _book_opened(invoice: Invoice, now: datetime) -> None:
    account = invoice.account
    ledger.book(
        reference=f"invoice-opened:{invoice.pk}",
        operator=invoice.legal_entity.operator,
        postings=[
            ledger.Posting(
                ledger.RECEIVABLE,
                invoice.currency,
                invoice.amount,
                customer_id=account.customer_id,
                invoice_id=invoice.pk,
                legal_entity_id=invoice.legal_entity_id,
            ),
            ledger.Posting(
                ledger.REVENUE,
                invoice.currency,
                -invoice.amount,
                invoice_id=invoice.pk,
                legal_entity_id=invoice.legal_entity_id,
            ),
        ],
        now=now,
    )
