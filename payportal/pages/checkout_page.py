"""What the payment page shows of one link: computed in one pass, in the same few queries however many bills there are.

Nothing here says who the customer is: whoever holds a link has not proved it.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import F, JSONField, Q
from django.db.models.expressions import RawSQL
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from activation import checkout
from activation.models import Activation, Device, Package
from billing import invoices, payments, receipts
from billing.lib.money import format_money, parts
from billing.lib.names import in_language
from billing.models import Invoice, Payment, PaymentLink
from billing.models.invoice import InvoiceQuerySet
from payportal.pages import changes, wording
from payportal.pages.changes import Change
from payportal.pages.drawings import picture
from payportal.pages.ticks import Ticks


@dataclass(frozen=True, slots=True)
class BillRow:
    """One bill as the page shows it."""

    id: int
    name: str
    state: str
    is_late: bool
    amount: str
    number: str
    period: str
    is_ticked: bool


@dataclass(frozen=True, slots=True)
class PackageRow:
    """One package on offer as the page shows it."""

    id: int
    name: str
    amount: str
    duration: str
    picture: SafeString
    is_ticked: bool


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of money in the page's language; ``amount`` in minor units."""

    amount: int
    currency: str
    text: str
    before: str
    digits: str
    after: str


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    """Everything the template needs. ``version`` changes with what is owed, ``paid`` counts what this link paid."""

    base: str
    bills: Sequence[BillRow]
    packages: Sequence[PackageRow]
    sum: Sum
    paused: tuple[str, str] | None
    version: int
    paid: int
    # Something was ticked that is not here (any more).
    is_stale: bool
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class LinkPayments:
    """The payments that matter to a link's page, from one query."""

    own_open: Payment | None
    own_succeeded: Sequence[Payment] = field(default_factory=tuple)
    elsewhere: Payment | None = None


# As InvoiceQuerySet.owed has it.
_OWED = Q(status=Invoice.Status.OPEN, amount_paid__lt=F("amount"))
# What is suspended on a bill's account, in the bills' own query. By hand: building this with the ORM takes longer than
# all the rest of that query, for every page anew.
_PAUSED_SQL = f"""(
    SELECT jsonb_agg(jsonb_build_object('names', service.names, 'kind', device.kind) ORDER BY service.id)
    FROM {Activation._meta.db_table} service
    LEFT JOIN {Device._meta.db_table} device ON device.id = service.device_id
    WHERE service.account_id = {Invoice._meta.db_table}.account_id AND service.status = 'suspended'
)"""  # noqa: S608 (names of our own tables)


def payments_of(link: PaymentLink) -> LinkPayments:
    """This link's payments, and somebody else's that reserves a bill of this link's.

    One query; a second only while somebody else pays for this customer, since that may be for packages alone.
    """
    found = list(
        Payment.objects.filter(
            Q(link_id=link.pk, status=Payment.Status.SUCCEEDED)
            | Q(customer_id=link.customer_id, currency=link.currency, status__in=Payment.OPEN)
        ).order_by("pk")
    )
    own = [payment for payment in found if payment.link_id == link.pk]
    elsewhere = payments.blocking(link) if len(own) < len(found) else None
    for payment in [*own, *filter(None, [elsewhere])]:
        payment.operator = link.operator
    return LinkPayments(
        own_open=next((payment for payment in own if payment.status in Payment.OPEN), None),
        own_succeeded=[payment for payment in own if payment.status == Payment.Status.SUCCEEDED],
        elsewhere=elsewhere,
    )


def owed(link: PaymentLink) -> InvoiceQuerySet:
    """The link's bills, late first, with the accounts whose names they go by."""
    return invoices.owed(link.customer_id, link.currency).select_related("account")


def version(bills: Iterable[Invoice]) -> int:
    """A number that changes when what is owed changes."""
    return zlib.crc32(",".join(f"{bill.pk}:{bill.amount_due}" for bill in bills).encode())


def build(
    *, link: PaymentLink, found: LinkPayments, language: str, now: datetime, ticks: Ticks | None = None
) -> CheckoutPage:
    """The page's content in two queries, three where nothing is owed; without ``ticks`` all bills are ticked."""
    paused = RawSQL(_PAUSED_SQL, [], output_field=JSONField())  # noqa: S611 (no value of anybody's is in it)
    known = Invoice.objects.of_customer(link.customer_id, link.currency).late_first().select_related("account")
    rows = list(known.filter(_OWED | Q(changes.condition(link))).annotate(paused=paused))
    bills = [row for row in rows if row.status == Invoice.Status.OPEN]
    packages = checkout.offers(link)
    today = invoices.local_date(link.operator.time_zone, now)
    ticked_bills = ticks.bills if ticks else frozenset(bill.pk for bill in bills)
    ticked_packages = ticks.packages if ticks else frozenset()
    amount = sum(bill.amount_due for bill in bills if bill.pk in ticked_bills)
    amount += sum(package.amount for package in packages if package.pk in ticked_packages)
    here = {bill.pk for bill in bills}, {package.pk for package in packages}
    return CheckoutPage(
        base=f"/p/{link.selector}/",
        bills=[_bill_row(bill, today, language, bill.pk in ticked_bills) for bill in bills],
        packages=[_package_row(package, language, package.pk in ticked_packages) for package in packages],
        sum=money(amount, link.currency, language),
        paused=wording.paused(_suspended(link, bills, language)),
        version=version(bills),
        paid=len(found.own_succeeded),
        is_stale=not (ticked_bills <= here[0] and ticked_packages <= here[1]),
        changes=[
            *changes.refunded(found.own_succeeded[-changes.MOST :], language),
            *changes.said((row for row in rows if row.status != Invoice.Status.OPEN), link, language),
        ],
    )


def money(amount: int, currency: str, language: str) -> Sum:
    """A sum as text and in parts, since the page writes the currency smaller than the digits."""
    before, digits, after = parts(amount, currency, language)
    return Sum(amount, currency, format_money(amount, currency, language), before, digits, after)


def _bill_row(bill: Invoice, today: date, language: str, is_ticked: bool) -> BillRow:
    period = ""
    if bill.period_start_on and bill.period_end_on:
        period = wording.period(bill.period_start_on, bill.period_end_on, language, near=today.year)
    return BillRow(
        id=bill.pk,
        name=in_language(bill.account.names, language) or _("Bill"),
        state=wording.due(bill.due_on, today, language),
        is_late=bill.is_overdue(today),
        amount=format_money(bill.amount_due, bill.currency, language),
        number=bill.number or "",
        period=period,
        is_ticked=is_ticked,
    )


def _package_row(package: Package, language: str, is_ticked: bool) -> PackageRow:
    return PackageRow(
        id=package.pk,
        name=in_language(package.names, language),
        amount=format_money(package.amount, package.currency, language),
        duration=wording.duration(package.duration_days),
        picture=picture(package.icon),
        is_ticked=is_ticked,
    )


def _suspended(link: PaymentLink, bills: Sequence[Invoice], language: str) -> list[tuple[str, bool]]:
    """What is paused, by name, and whether it is the television; only who owes nothing costs a query for it."""
    if bills:
        of_accounts = {bill.account_id: getattr(bill, "paused", None) or [] for bill in bills}
        rows = [(row["names"], row["kind"]) for of_account in of_accounts.values() for row in of_account]
    else:
        paused = Activation.objects.filter(customer_id=link.customer_id, status=Activation.Status.SUSPENDED)
        rows = list(paused.order_by("pk").values_list("names", "device__kind"))
    return [(in_language(names, language), kind == Device.Kind.TV) for names, kind in rows]


@dataclass(frozen=True, slots=True)
class LastPayment:
    """The newest payment of this customer in the link's currency; its receipt only where it was paid."""

    text: str
    receipt: str


def last_payment(link: PaymentLink, own: Payment | None, language: str) -> LastPayment | None:
    """What was paid last, for who owes nothing."""
    payment = own or (
        Payment.objects.filter(customer_id=link.customer_id, currency=link.currency, status=Payment.Status.SUCCEEDED)
        .order_by("-succeeded_at")
        .first()
    )
    if payment is None or payment.succeeded_at is None:
        return None
    on = invoices.local_date(link.operator.time_zone, payment.succeeded_at)
    text = _("%(sum)s on %(day)s") % {
        "sum": format_money(payment.amount_received, payment.currency_received or payment.currency, language),
        "day": wording.day(on, language, near=on.year),
    }
    return LastPayment(text=text, receipt=f"/r/{receipts.token(payment)}" if own else "")
