"""What became of a link's bills since it was made, and of what it paid: paid by somebody else, withdrawn, refunded.

Said plainly on its page.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from activation.models import Order
from billing import invoices, ledger
from billing.lib.money import format_money
from billing.lib.names import in_language
from billing.models import Invoice, LedgerEntry, LedgerPosting, Payment, PaymentAllocation, PaymentLink
from payportal.pages import wording

# A withdrawn bill that fell due before this is nobody's question any more.
WITHDRAWN_FOR = timedelta(days=60)
MOST = 5

# Bills that were on the link when it was made. Not those of packages, which the pages themselves draw up; not what this
# link paid, which has a status page and a receipt. When a bill was withdrawn is known by the booking that took it back;
# without one it may have been at any time.
_INVOICE = Invoice._meta.db_table
_SQL = f"""({_INVOICE}.created_at <= %s
    AND NOT EXISTS (SELECT FROM {Order._meta.db_table} o WHERE o.invoice_id = {_INVOICE}.id)
    AND ({_INVOICE}.status = 'paid' AND {_INVOICE}.paid_at >= %s
        AND NOT EXISTS (
            SELECT FROM {PaymentAllocation._meta.db_table} a
            JOIN {Payment._meta.db_table} p ON p.id = a.payment_id
            WHERE a.invoice_id = {_INVOICE}.id AND p.link_id = %s)
    OR {_INVOICE}.status = 'void' AND {_INVOICE}.number IS NOT NULL AND {_INVOICE}.due_on >= %s
        AND NOT EXISTS (
            SELECT FROM {LedgerPosting._meta.db_table} b
            JOIN {LedgerEntry._meta.db_table} e ON e.id = b.entry_id
            WHERE b.invoice_id = {_INVOICE}.id AND b.account = '{ledger.RECEIVABLE}' AND b.amount < 0
                AND e.booked_at < %s)))"""  # noqa: S608 (names of our own tables)
_ORDER = ("made_at", "made_at", "link", "from", "made_at")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed, and what that means for who reads it."""

    fact: str
    meaning: str


def refunded(paid: Iterable[Payment], language: str) -> Iterator[Change]:
    """What went back of these payments, in words; costs no query."""
    for payment in paid:
        if payment.amount_refunded and payment.refunded_at:
            yield Change(
                refund_fact(payment, language),
                _("It goes back the way it was paid; that can take your bank ten working days."),
            )


def refund_fact(payment: Payment, language: str) -> str:
    """That so much of a payment was refunded, and when; ``payment.operator`` says what day that was."""
    assert payment.refunded_at is not None
    on = invoices.local_date(payment.operator.time_zone, payment.refunded_at)
    return _("%(sum)s was refunded on %(day)s.") % {
        "sum": format_money(payment.amount_refunded, payment.currency_received, language),
        "day": wording.day(on, language, near=on.year),
    }


def condition(link: PaymentLink) -> RawSQL:
    """Whether a bill has changed so since the link was made: a part of the bills' own query."""
    values = {"made_at": link.created_at, "link": link.pk, "from": (link.created_at - WITHDRAWN_FOR).date()}
    return RawSQL(_SQL, [values[name] for name in _ORDER], output_field=BooleanField())  # noqa: S611 (ours alone)


def said(changed: Iterable[Invoice], link: PaymentLink, language: str) -> list[Change]:
    """The changes in words, at most ``MOST`` of them."""
    return list(_said(list(changed)[:MOST], link, language))


def _said(changed: Iterable[Invoice], link: PaymentLink, language: str) -> Iterator[Change]:
    for bill in changed:
        name = in_language(bill.account.names, language) or _("Bill")
        if bill.status == Invoice.Status.PAID and bill.paid_at:
            on = invoices.local_date(link.operator.time_zone, bill.paid_at)
            day = wording.day(on, language, near=on.year)
            yield Change(
                _("%(name)s was paid on %(day)s.") % {"name": name, "day": day}, _("You don’t have to pay it again.")
            )
        else:
            yield Change(_("%(name)s: this bill was withdrawn.") % {"name": name}, _("You owe nothing for it."))
