"""A phone that can be told to misbehave, and what the tests of messages do again and again."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction

from billing import invoices, payments
from billing.gateways.base import GatewayPayment
from billing.models import Customer, Payment, PaymentLink
from payportal.messaging import messages
from payportal.messaging.channels.base import Outgoing
from payportal.messaging.models import Message

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class ScriptedPhone:
    """A phone whose network does what ``script`` says, one word a send: an error to raise before or after arriving."""

    arrived: list[Outgoing] = field(default_factory=list)
    before: list[BaseException] = field(default_factory=list)
    after: list[BaseException] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, message: Outgoing) -> None:
        if self.before:
            raise self.before.pop(0)
        with self.lock:
            # Every arrival is kept: this phone hides no second copy.
            self.arrived.append(message)
        if self.after:
            raise self.after.pop(0)

    def holds(self, reference: str) -> bool:
        self.asked.append(reference)
        return any(message.reference == reference for message in self.arrived)


def write(customer: Customer, reference: str = "on:test", **more: object) -> Message:
    """A message that says that a service is on."""
    values: dict[str, object] = {"template": "on", "context": {"names": {"en": "Films"}}, "now": NOW} | more
    assert messages.queue(operator=customer.operator, customer=customer, reference=reference, **values)  # type: ignore[arg-type]
    return Message.objects.get(reference=reference)


def pay(link: PaymentLink, at: datetime = NOW) -> Payment:
    """Pay everything that the link shows, as the gateway would say it."""
    bills = list(invoices.owed(link.customer_id, link.currency))
    amount = sum(bill.amount_due for bill in bills)
    with transaction.atomic():
        payment = payments.start(link=link, invoices=bills, amount_shown=amount, now=at)
    return settle(payment, at=at)


def settle(payment: Payment, truth: GatewayPayment | None = None, at: datetime = NOW) -> Payment:
    """The gateway's word that money came: all that was asked for, unless it says otherwise."""
    truth = truth or GatewayPayment(
        reference=f"pi_{payment.pk}",
        status="succeeded",
        amount=payment.amount,
        currency=payment.currency,
        amount_received=payment.amount,
        metadata={"payment": payment.reference, "version": str(payment.version)},
    )
    payments.settle(payment.pk, truth, at)
    return Payment.objects.select_related("operator", "link", "customer").get(pk=payment.pk)
