"""What a receipt shows: one payment, what it paid for, the tax in it, and to whom. For good; nothing of the account."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing.lib.money import format_money, to_decimal
from billing.lib.names import in_language
from billing.models import Invoice, LegalEntity, Operator, Payment, PaymentAllocation, Refund
from payportal.pages import wording
from payportal.pages.checkout_page import Sum, money


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One thing that was paid for."""

    name: str
    detail: str
    amount: str


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Everything the receipt's template needs."""

    sum: Sum
    paid_at: str
    paid_at_iso: str
    lines: Sequence[ReceiptLine]
    taxes: Sequence[tuple[str, str]]
    method: str
    reference: str
    sellers: Sequence[LegalEntity]
    refunds: Sequence[tuple[str, str]] = ()
    is_refunded: bool = False


def build(payment: Payment, operator: Operator, language: str) -> ReceiptPage:
    """The receipt of a payment that succeeded."""
    allocations = list(
        PaymentAllocation.objects.filter(payment=payment)
        .select_related("invoice__account", "invoice__legal_entity", "invoice__order")
        .prefetch_related("invoice__lines")
        .order_by("invoice__due_on", "invoice_id")
    )
    # Bills before packages.
    allocations.sort(key=lambda row: hasattr(row.invoice, "order"))
    currency = payment.currency_received or payment.currency
    assert payment.succeeded_at is not None  # payment_succeeded_has_time
    sellers = {row.invoice.legal_entity_id: row.invoice.legal_entity for row in allocations}
    return ReceiptPage(
        sum=money(payment.amount_received, currency, language),
        paid_at=wording.moment(payment.succeeded_at, operator.time_zone, language),
        paid_at_iso=payment.succeeded_at.isoformat(timespec="minutes"),
        lines=list(_lines(payment, allocations, currency, language)),
        taxes=[
            (_tax_name(rate, language), format_money(amount, currency, language))
            for rate, amount in _taxes(allocations)
        ],
        method=wording.method(payment.method, payment.card_last4),
        reference=payment.reference,
        sellers=list(sellers.values()),
        refunds=list(_refunds(payment, operator, language)) if payment.amount_refunded else (),
        is_refunded=payment.amount_refunded >= payment.amount_received > 0,
    )


def _refunds(payment: Payment, operator: Operator, language: str) -> Iterator[tuple[str, str]]:
    for refund in payment.refunds.filter(status__in=Refund.GONE).order_by("created_at", "pk"):
        on = wording.local_day(refund.created_at, operator.time_zone)
        name = _("Refunded on %(day)s") % {"day": wording.day(on, language, near=0)}
        yield name, format_money(refund.amount, refund.currency, language)


def _lines(
    payment: Payment, allocations: Iterable[PaymentAllocation], currency: str, language: str
) -> Iterator[ReceiptLine]:
    left = payment.amount_received
    for row in allocations:
        left -= row.amount
        if row.amount == row.invoice.amount and hasattr(row.invoice, "order"):
            yield from _package_lines(row.invoice, currency, language)
        else:
            name = in_language(row.invoice.account.names, language) or _("Bill")
            yield ReceiptLine(name, _bill_detail(row.invoice, language), format_money(row.amount, currency, language))
    if left > 0:
        yield ReceiptLine(_("Kept as your credit"), "", format_money(left, currency, language))


def _package_lines(invoice: Invoice, currency: str, language: str) -> Iterator[ReceiptLine]:
    for line in sorted(invoice.lines.all(), key=lambda line: line.position):
        detail = _("Bill %(number)s") % {"number": invoice.number}
        yield ReceiptLine(in_language(line.names, language), detail, format_money(line.amount, currency, language))


def _bill_detail(invoice: Invoice, language: str) -> str:
    number = _("Bill %(number)s") % {"number": invoice.number}
    if not (invoice.period_start_on and invoice.period_end_on):
        return number
    period = wording.period(invoice.period_start_on, invoice.period_end_on, language, near=0)
    return wording.together(number, period)


def _taxes(allocations: Iterable[PaymentAllocation]) -> list[tuple[int, int]]:
    """Tax by rate (hundredths of a percent), in minor units; of a bill paid in part, its share, rounded half up."""
    sums: dict[int, int] = defaultdict(int)
    for row in allocations:
        lines = list(row.invoice.lines.all())
        parts = [(line.vat_rate, line.vat_amount) for line in lines] or [(0, row.invoice.vat_amount)]
        for rate, amount in parts:
            sums[rate] += (2 * amount * row.amount + row.invoice.amount) // (2 * row.invoice.amount)
    return sorted((rate, amount) for rate, amount in sums.items() if amount)


def _tax_name(rate: int, language: str) -> str:
    if not rate:
        return _("Of this, VAT")
    whole = to_decimal(rate, "NOK").normalize()
    return _("Of this, VAT %(rate)s %%") % {"rate": f"{whole:f}"}
