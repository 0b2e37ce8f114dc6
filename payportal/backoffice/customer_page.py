"""What an agent needs to see of a customer, gathered in one place."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import get_language

from activation.models import Activation
from billing import invoices
from billing.lib import money, names
from billing.models import AuditEntry, BillingAccount, Customer, Invoice, Payment, PaymentLink
from payportal.backoffice import actors, desk, pulse, timeline

RECENT = 8
# How long the story of a link that has ended stays on the page.
STILL_SHOWN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill that is owed; ``days_late`` is zero or less while it is not overdue."""

    pk: int
    number: str
    account: str
    due_on: date
    days_late: int
    amount: str


@dataclass(frozen=True, slots=True)
class Service:
    """Something that is on or paused."""

    pk: int
    name: str
    device: str
    is_on: bool
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """The desk's view of one customer; amounts are texts in the reader's language."""

    phone_end: str
    owes: str
    bills: list[Bill]
    services: list[Service]
    accounts: list[BillingAccount]
    payments: list[tuple[Payment, str]]
    links: list[PaymentLink]
    live_link: PaymentLink | None
    is_open: bool
    steps: list[timeline.Step]
    newest_link: int
    looks: list[tuple[str, datetime]]

    @property
    def paused(self) -> list[Service]:
        """What is switched off until something is paid."""
        return [service for service in self.services if not service.is_on]


def of(customer: Customer, now: datetime) -> CustomerPage:
    """Everything the customer's page shows: twelve queries at most, however much there is of it."""
    language, currency = get_language() or "en", customer.operator.currency
    owed = list(invoices.owed(customer.pk, currency).select_related("account"))
    links = list(PaymentLink.objects.filter(customer=customer).order_by("-pk")[:RECENT])
    live = next((link for link in links if desk.is_live(link, now)), None) or _busy(customer) or _ended(links, now)
    return CustomerPage(
        phone_end=customer.phone[-3:],
        owes=money.format_money(sum(bill.amount_due for bill in owed), currency, language) if owed else "",
        bills=_bills(owed, now.astimezone(ZoneInfo(customer.operator.time_zone)).date(), language),
        services=_services(customer, language),
        accounts=list(customer.accounts.select_related("legal_entity").order_by("pk")),
        payments=[
            (payment, money.format_money(payment.amount, payment.currency, language))
            for payment in Payment.objects.filter(customer=customer).order_by("-pk")[:RECENT]
        ],
        links=links,
        live_link=live,
        is_open=live is not None and desk.is_live(live, now),
        steps=timeline.of_link(live) if live else [],
        newest_link=next((link.pk for link in links if link.currency == currency), 0),
        looks=_looks(customer),
    )


def _busy(customer: Customer) -> PaymentLink | None:
    """A link that has ended while something that began on it goes on."""
    return pulse.busy_links(PaymentLink.objects.filter(customer=customer)).order_by("-pk").first()


def _ended(links: list[PaymentLink], now: datetime) -> PaymentLink | None:
    """The newest link if it ended just now: who followed it still sees how."""
    newest = next(iter(links), None)
    if newest and (newest.revoked_at or newest.expires_at) > now - STILL_SHOWN:
        return newest
    return None


def _looks(customer: Customer) -> list[tuple[str, datetime]]:
    entries = list(
        AuditEntry.objects.filter(subject_reference=f"customer:{customer.pk}", verb="look").order_by("-at")[:RECENT]
    )
    known = actors.names_of(entry.actor for entry in entries)
    return [(known[entry.actor], entry.at) for entry in entries]


def _bills(owed: list[Invoice], today: date, language: str) -> list[Bill]:
    return [
        Bill(
            pk=bill.pk,
            number=str(bill),
            account=names.in_language(bill.account.names, language),
            due_on=bill.due_on,
            days_late=(today - bill.due_on).days,
            amount=money.format_money(bill.amount_due, bill.currency, language),
        )
        for bill in owed
    ]


def _services(customer: Customer, language: str) -> list[Service]:
    standing = (Activation.Status.ACTIVE, Activation.Status.SUSPENDED)
    return [
        Service(
            pk=each.pk,
            name=names.in_language(each.names, language),
            device=names.in_language(each.device.names, language) if each.device else "",
            is_on=each.status == Activation.Status.ACTIVE,
            ends_at=each.ends_at,
        )
        for each in Activation.objects.filter(customer=customer, status__in=standing)
        .select_related("device")
        .order_by("-pk")
    ]
