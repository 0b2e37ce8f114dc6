"""The tap on Pay, in one transaction: what is ticked becomes an order, a draft and a payment.

Pages, the chatbot and the API call only this; the gateway is called afterwards (``payments.open_at_gateway``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from activation import ordering
from activation.models import Order, Package
from activation.ordering import NotOnOffer
from billing import payments
from billing.lib.transactions import whole
from billing.models import BillingAccount, Invoice, Payment, PaymentItem, PaymentLink


@dataclass(frozen=True, slots=True)
class Quote:
    """What is ticked and what it costs now, in minor units."""

    bills: list[Invoice]
    packages: list[Package]
    amount: int
    currency: str


def offers(link: PaymentLink) -> list[Package]:
    """The packages that this link's customer can buy."""
    return list(ordering.offers(link.customer, link.currency))


def quote(*, link: PaymentLink, bill_ids: Sequence[int], package_ids: Sequence[int]) -> Quote:
    """What the ticked things cost now, without bills that were paid meanwhile. Raises NotOnOffer for a stranger's."""
    shown = Invoice.objects.of_customer(link.customer_id, link.currency).late_first()
    bills = list(shown.filter(pk__in=bill_ids).exclude(status__in=[Invoice.Status.DRAFT]))
    packages = [package for package in offers(link) if package.pk in set(package_ids)] if package_ids else []
    if len(bills) != len(set(bill_ids)) or len(packages) != len(set(package_ids)):
        raise NotOnOffer
    bills = [bill for bill in bills if bill.status == Invoice.Status.OPEN and bill.amount_due > 0]
    amount = sum(bill.amount_due for bill in bills) + sum(package.amount for package in packages)
    return Quote(bills=bills, packages=packages, amount=amount, currency=link.currency)


@whole
def start(
    *,
    link: PaymentLink,
    bill_ids: Sequence[int],
    package_ids: Sequence[int],
    amount_shown: int,
    now: datetime,
) -> Payment:
    """Ask for what is ticked, at what the database says it costs.

    Raises NotOnOffer, and what ``payments.start`` raises; then nothing was written.
    """
    payments.lock_live_link(link, now)
    ticked = quote(link=link, bill_ids=bill_ids, package_ids=package_ids)
    if ticked.amount != amount_shown:
        raise payments.AmountChanged
    drafts = [order.invoice for order in _orders(link, ticked.packages, now)]
    return payments.start(link=link, invoices=[*ticked.bills, *drafts], amount_shown=amount_shown, now=now)


def _orders(link: PaymentLink, packages: list[Package], now: datetime) -> list[Order]:
    """An order for each legal entity's packages: the one that this link's payment asks for already, or a new one."""
    asked = _asked_for(link)
    entities = sorted({package.legal_entity_id for package in packages})
    orders = []
    for entity in entities:
        wanted = [package for package in packages if package.legal_entity_id == entity]
        found = next((order for order in asked if _is_same(order, wanted)), None)
        orders.append(found or _place(link, entity, wanted, now))
    return orders


def _place(link: PaymentLink, entity_id: int, packages: list[Package], now: datetime) -> Order:
    """An order on the customer's oldest account with that legal entity."""
    account = (
        BillingAccount.objects.filter(customer_id=link.customer_id, legal_entity_id=entity_id)
        .select_related("legal_entity__operator")
        .order_by("created_at", "pk")
        .first()
    )
    if account is None:
        raise NotOnOffer
    return ordering.place(customer=link.customer, legal_entity_account=account, packages=packages, now=now)


def _asked_for(link: PaymentLink) -> list[Order]:
    payment = payments.open_for_link(link)
    if payment is None:
        return []
    drafts = PaymentItem.objects.filter(
        payment=payment, version=payment.version, invoice__status=Invoice.Status.DRAFT
    ).values("invoice_id")
    return list(Order.objects.filter(invoice__in=drafts).select_related("invoice").prefetch_related("items"))


def _is_same(order: Order, packages: list[Package]) -> bool:
    """Whether an order is for just these packages, at the prices and for the times that they have now."""
    return {(item.package_id, item.amount, item.duration_days) for item in order.items.all()} == {
        (package.pk, package.amount, package.duration_days) for package in packages
    }
