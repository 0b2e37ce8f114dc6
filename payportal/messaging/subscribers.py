"""What we tell customers when something was paid or switched on: only rows are written here."""

from collections.abc import Sequence
from datetime import datetime

from activation.events import ServiceActivated, ServiceDelayed
from activation.models import Activation, ActivationJob
from billing import events
from billing.models import Payment
from payportal.messaging import messages
from payportal.messaging.models import Message


def connect() -> None:
    """Subscribe to billing's and activation's events; called once when Django starts."""
    events.subscribe(events.PaymentSucceeded, paid)
    events.subscribe_list(ServiceActivated, activated)
    events.subscribe(ServiceDelayed, delayed)


def paid(event: events.PaymentSucceeded) -> None:
    """Money came: its receipt."""
    tell_receipt(_payment(event.payment_id), event.at)


def activated(told: Sequence[ServiceActivated]) -> None:
    """Services are on: their customers are told, with as many queries for eight as for one."""
    activations = Activation.objects.select_related("customer__operator").in_bulk(
        [event.activation_id for event in told]
    )
    payments = Payment.objects.filter(pk__in={event.payment_id for event in told if event.payment_id})
    links = {pk: (link_id, via) for pk, link_id, via in payments.values_list("pk", "link_id", "link__via")}
    said = []
    for event in told:
        message = _on(activations[event.activation_id], event.at)
        if event.payment_id:
            message.payment_id, (message.link_id, via) = event.payment_id, links[event.payment_id]
            message.channel = messages.channel_for(message.operator, via or "")
        said.append(message)
    messages.queue_all(said)


def delayed(event: ServiceDelayed) -> None:
    """A paid service is late, and a person looks at it: said once a job, however often that is tried."""
    job = ActivationJob.objects.select_related(
        "order_item__package", "order_item__order__customer__operator", "activation__customer__operator"
    ).get(pk=event.job_id)
    if job.order_item:
        customer, names = job.order_item.order.customer, job.order_item.package.names
    elif job.activation:
        customer, names = job.activation.customer, job.activation.names
    else:
        return
    payment = _payment(event.payment_id) if event.payment_id else None
    messages.queue(
        operator=customer.operator,
        customer=customer,
        template="delayed",
        reference=f"delayed:{job.pk}",
        context={"names": names, "job": job.pk},
        now=event.at,
        link=payment.link if payment else None,
        payment=payment,
    )


def tell_receipt(payment: Payment, now: datetime) -> bool:
    """Queue the receipt of a payment; also the sweep's verb for one that is missing."""
    return messages.queue(
        operator=payment.operator,
        customer=payment.customer,
        template="receipt",
        reference=receipt_reference(payment),
        context={"amount": payment.amount_received, "currency": payment.currency_received or payment.currency},
        now=now,
        link=payment.link,
        payment=payment,
    )


def tell_on(activation: Activation, payment: Payment | None, now: datetime) -> bool:
    """Queue the word that a service is on, or on again after a pause; the sweep's verb."""
    message = _on(activation, now)
    if payment:
        message.payment, message.link = payment, payment.link
        message.channel = messages.channel_for(message.operator, payment.link.via if payment.link else "")
    return bool(messages.queue_all([message]))


def receipt_reference(payment: Payment) -> str:
    """Names the occasion: one receipt a payment."""
    return f"receipt:{payment.reference}"


def on_reference(activation: Activation) -> str:
    """Names the occasion: a service is switched on once, and on again once after each pause."""
    return f"on:{activation.reference}:{activation.suspension}"


def _on(activation: Activation, now: datetime) -> Message:
    customer = activation.customer
    return messages.new(
        operator=customer.operator,
        customer=customer,
        template="again" if activation.suspension else "on",
        reference=on_reference(activation),
        context={
            "names": activation.names,
            "until": activation.ends_at.isoformat() if activation.ends_at else None,
        },
        now=now,
    )


def _payment(payment_id: int) -> Payment:
    return Payment.objects.select_related("operator", "customer", "link").get(pk=payment_id)
