"""What a customer buys: put together when they tap, with a draft bill that is no debt until it is paid."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from activation.models import Device, Order, OrderItem, Package
from billing import audit, invoices
from billing.lib import references
from billing.models import BillingAccount, Customer

# Written out: Django builds subqueries anew for every page, which took as long as all the rest of the query.
_BILLED_BY = f"SELECT legal_entity_id FROM {BillingAccount._meta.db_table} WHERE customer_id = %s"  # noqa: S608
_WATCHES = (
    f"SELECT '{Package.Kind.TV}' FROM {Device._meta.db_table} WHERE customer_id = %s AND kind = '{Device.Kind.TV}'"  # noqa: S608
)


class NotOnOffer(Exception):
    """A package that this customer can't buy, or not in this currency, or not (any more)."""


def offers(customer: Customer, currency: str) -> QuerySet[Package]:
    """What this customer can buy, in the order of the shelf.

    Only what the customer has an account for with that legal entity, since somebody must bill it; and television only
    to those who have something to watch it on.
    """
    return (
        Package.objects.filter(operator_id=customer.operator_id, currency=currency, is_on_offer=True)
        .filter(legal_entity__in=RawSQL(_BILLED_BY, [customer.pk]))  # noqa: S611 (our own words)
        .filter(~Q(kind=Package.Kind.TV) | Q(kind__in=RawSQL(_WATCHES, [customer.pk])))  # noqa: S611
        .order_by("position", "pk")
    )


def place(
    *, customer: Customer, legal_entity_account: BillingAccount, packages: Sequence[Package], now: datetime
) -> Order:
    """Write the order and its draft invoice; nothing is switched on before that is paid.

    Part of the caller's transaction. Raises NotOnOffer, and then nothing was written.
    """
    _check(customer, legal_entity_account, packages)
    devices = _devices(customer)
    with transaction.atomic():
        invoice = invoices.place_draft(
            account=legal_entity_account,
            currency=packages[0].currency,
            lines=[
                invoices.LineData(
                    names=package.names,
                    amount=package.amount,
                    vat_amount=_vat_within(package.amount, package.vat_rate),
                    vat_rate=package.vat_rate,
                )
                for package in packages
            ],
            now=now,
        )
        order = Order.objects.create(
            customer=customer, invoice=invoice, reference=references.new_reference(), created_at=now
        )
        OrderItem.objects.bulk_create(
            OrderItem(
                order=order,
                package=package,
                device=devices.get(package.kind),
                amount=package.amount,
                duration_days=package.duration_days,
            )
            for package in packages
        )
    return order


def cancel(order: Order, now: datetime) -> bool:
    """The order's draft will not be paid. False for an order that is under way, or was cancelled before."""
    allowed = Order.ALLOWED_FROM[Order.Status.CANCELLED]
    with transaction.atomic():
        changed = Order.objects.filter(pk=order.pk, status__in=allowed).update(status=Order.Status.CANCELLED)
        if changed:
            audit.record(
                actor="system:activation",
                verb="cancel-order",
                subject_reference=f"order:{order.reference}",
                now=now,
                operator=order.customer.operator,
            )
    return bool(changed)


def _check(customer: Customer, account: BillingAccount, packages: Sequence[Package]) -> None:
    keys = {package.pk for package in packages}
    if not packages or len(keys) != len(packages):
        raise NotOnOffer("each package once, and at least one")
    if account.customer_id != customer.pk:
        raise NotOnOffer("another customer's account")
    currency = packages[0].currency
    on_offer = offers(customer, currency).filter(pk__in=keys, legal_entity_id=account.legal_entity_id)
    if on_offer.count() != len(keys):
        raise NotOnOffer("not on offer to this customer")


def _devices(customer: Customer) -> dict[str, Device]:
    """The customer's oldest device of each kind, by the kind of package that needs it."""
    serves = {Device.Kind.TV: Package.Kind.TV, Device.Kind.SIM: Package.Kind.DATA}
    newest_first = Device.objects.filter(customer=customer).order_by("-pk")
    return {serves[Device.Kind(device.kind)]: device for device in newest_first}


def _vat_within(amount: int, rate: int) -> int:
    """The tax inside a price with tax, rounded half up; ``rate`` in hundredths of a percent."""
    whole = 10_000 + rate
    return (2 * amount * rate + whole) // (2 * whole)
