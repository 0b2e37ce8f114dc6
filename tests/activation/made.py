"""A made-up telecom with one customer, and the gateway's word that money came."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from activation import checkout, suspension
from activation.models import Activation, ActivationJob, Device, Order, OrderItem, Package
from billing import invoices, links, payments
from billing.gateways.base import GatewayPayment
from billing.models import BillingAccount, Customer, Invoice, LegalEntity, Operator, Payment, PaymentLink

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_numbers: Iterator[int] = count(1)


def at(seconds: float) -> Callable[[], datetime]:
    """A clock that stands still, so long after NOW."""
    return lambda: NOW + timedelta(seconds=seconds)


@dataclass
class World:
    """One operator, one customer with an account and a TV, and packages on the shelf."""

    operator: Operator
    entity: LegalEntity
    customer: Customer
    account: BillingAccount
    tv: Device
    sports: Package
    films: Package
    data: Package

    def bill(self, amount: int = 64800, due_in: int = -12, account: BillingAccount | None = None) -> Invoice:
        """An open bill, due so many days from NOW."""
        account = account or self.account
        today = NOW.date()
        line = invoices.LineData(names={"en": "Broadband"}, amount=amount)
        data = invoices.InvoiceData(
            number=f"made-{next(_numbers)}",
            currency=self.operator.currency,
            amount=amount,
            vat_amount=0,
            issued_on=today + timedelta(days=due_in - 14),
            due_on=today + timedelta(days=due_in),
            lines=[line],
        )
        return invoices.issue(account=account, data=data, now=NOW - timedelta(days=30))

    def link(self) -> PaymentLink:
        return links.create(
            customer=self.customer,
            currency=self.operator.currency,
            actor="system:tests",
            now=NOW - timedelta(minutes=1),
        )

    def tap(self, *packages: Package, bills: tuple[Invoice, ...] = ()) -> Payment:
        """Pay tapped with these ticked; no money yet."""
        amount = sum(package.amount for package in packages) + sum(bill.amount_due for bill in bills)
        return checkout.start(
            link=self.link(),
            bill_ids=[bill.pk for bill in bills],
            package_ids=[package.pk for package in packages],
            amount_shown=amount,
            now=NOW,
        )

    def buy(self, *packages: Package, bills: tuple[Invoice, ...] = ()) -> Payment:
        """Tapped, and the money came."""
        payment = self.tap(*packages, bills=bills)
        assert payments.settle(payment.pk, came(payment), NOW)
        return payment

    def suspended_tv(self, account: BillingAccount | None = None) -> Activation:
        """A television subscription that is off because of arrears."""
        activation = Activation.objects.create(
            customer=self.customer,
            account=account or self.account,
            device=self.tv,
            reference=f"tv-made-{next(_numbers)}",
            service_code="tv",
            names={"en": "TV"},
            started_at=NOW - timedelta(days=400),
        )
        assert suspension.suspend(activation, NOW - timedelta(days=2))
        activation.refresh_from_db()
        return activation


def world() -> World:
    """A new operator with everything."""
    number = next(_numbers)
    operator = Operator.objects.create(
        code=f"made-{number}",
        name="Made Telecom",
        host=f"made-{number}.example",
        brand_color="#123456",
        currency="NOK",
        country="NO",
        languages=["en", "nb"],
        time_zone="Europe/Oslo",
        help_phone="+44 1632 960000",
        channel="outbox",
    )
    entity = LegalEntity.objects.create(operator=operator, name="Made AS", organization_number=f"made-{number}")
    customer = Customer.objects.create(operator=operator, reference="c-1", created_at=NOW)
    account = BillingAccount.objects.create(customer=customer, legal_entity=entity, number="100", created_at=NOW)
    tv = Device.objects.create(
        customer=customer, account=account, reference=f"box-{number}", kind="tv", names={"en": "living room"}
    )
    shelf = {"operator": operator, "legal_entity": entity, "currency": "NOK", "vat_rate": 2500}
    return World(
        operator=operator,
        entity=entity,
        customer=customer,
        account=account,
        tv=tv,
        sports=Package.objects.create(
            code="sports-weekend", kind="tv", names={"en": "Sports"}, amount=9900, duration_days=3, position=1, **shelf
        ),
        films=Package.objects.create(
            code="films", kind="tv", names={"en": "Films"}, amount=12900, duration_days=30, position=2, **shelf
        ),
        data=Package.objects.create(
            code="data-10", kind="data", names={"en": "10 GB"}, amount=7900, duration_days=30, position=3, **shelf
        ),
    )


def came(payment: Payment) -> GatewayPayment:
    """The gateway's word that all of it came."""
    return _said(payment, "succeeded", payment.amount)


def canceled(payment: Payment) -> GatewayPayment:
    """The gateway's word that it can't be paid any more."""
    return _said(payment, "canceled", 0)


def _said(payment: Payment, status: str, received: int) -> GatewayPayment:
    return GatewayPayment(
        reference=f"pi_made_{payment.pk}",
        status=status,
        amount=payment.amount,
        currency=payment.currency,
        amount_received=received,
        metadata={"payment": payment.reference, "version": str(payment.version)},
        method="card",
    )


def order_of(payment: Payment) -> Order:
    return Order.objects.get(invoice__payment_items__payment=payment)


def jobs_of(payment: Payment) -> list[ActivationJob]:
    return list(ActivationJob.objects.filter(payment=payment).order_by("pk"))


def state(payment: Payment) -> dict[str, object]:
    """Everything that a repetition could have changed."""
    return {
        "orders": list(Order.objects.order_by("pk").values()),
        "items": list(OrderItem.objects.order_by("pk").values()),
        "jobs": list(ActivationJob.objects.order_by("pk").values()),
        "activations": list(Activation.objects.order_by("pk").values()),
        "timeline": list(payment.events.order_by("pk").values()),
    }
