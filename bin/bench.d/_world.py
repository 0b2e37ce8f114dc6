"""What the benchmarks' database holds: the demo's people, with as many bills and packages as asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

PACKAGES = (
    ("series", "tv", "play", "Series", 9900, 30),
    ("football", "tv", "ball", "Football month", 19900, 30),
    ("50-gb-extra", "data", "data", "50 GB extra", 19900, 30),
)


@dataclass(frozen=True)
class Visited:
    """A link's two addresses and its cookie."""

    selector: str
    path: str
    cookie: str

    @property
    def page(self) -> str:
        return f"/p/{self.selector}/"


def visited(*, bills: int, packages: int, now: datetime) -> Visited:
    """A link of the demo's first customer, who owes so many bills and is offered so many packages."""
    from billing import links
    from billing.models import BillingAccount, Invoice
    from payportal.demo import data

    data.load(now)
    customer = data.customer(data.PRINTED_CUSTOMER)
    accounts = list(BillingAccount.objects.filter(customer=customer).select_related("legal_entity__operator"))
    for number in range(Invoice.objects.filter(account__customer=customer).count(), bills):
        issue(accounts[number % 2], due_in=5 * number - 7, now=now)
    offer(accounts[0], packages)
    link = links.create(customer=customer, currency="NOK", actor="system:benchmark", now=now)
    return Visited(link.selector, links.path(link), links.cookie_value(link))


def offer(account: object, count: int) -> None:
    """Fill the shelf up to so many packages."""
    from activation.models import Package
    from billing.models import BillingAccount

    assert isinstance(account, BillingAccount)
    entity = account.legal_entity
    here = Package.objects.filter(legal_entity=entity).count()
    for position, (code, kind, icon, name, amount, days) in enumerate(PACKAGES[: count - here], start=here):
        Package.objects.create(
            operator=entity.operator,
            legal_entity=entity,
            code=code,
            kind=kind,
            icon=icon,
            names={"en": name},
            currency="NOK",
            amount=amount,
            vat_rate=2500,
            duration_days=days,
            position=position,
        )


def issue(account: object, *, due_in: int, now: datetime) -> None:
    """One more bill for the month before it is due."""
    from billing import invoices
    from billing.models import BillingAccount, Invoice

    assert isinstance(account, BillingAccount)
    due = now.date() + timedelta(days=due_in)
    data = invoices.InvoiceData(
        number=f"B-{Invoice.objects.count() + 1:08d}",
        currency="NOK",
        amount=39900,
        vat_amount=7980,
        issued_on=due - timedelta(days=14),
        due_on=due,
        period_start_on=due - timedelta(days=44),
        period_end_on=due - timedelta(days=15),
        lines=[invoices.LineData(names={"en": "Mobile, 40 GB"}, amount=39900, vat_amount=7980, vat_rate=2500)],
    )
    invoices.issue(account=account, data=data, now=now)
