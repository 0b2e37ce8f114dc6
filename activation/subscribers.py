"""What activation does when billing says that something was paid or voided: it only writes rows."""

from activation import fulfilment, ordering
from activation.models import Order
from billing import events
from billing.events import InvoicePaid, InvoiceVoided
from billing.models import BillingAccount


def connect() -> None:
    """Subscribe to billing's events; called once when Django starts."""
    events.subscribe(InvoicePaid, begin_order)
    events.subscribe(InvoicePaid, restore_services)
    events.subscribe(InvoiceVoided, cancel_order)


def begin_order(event: InvoicePaid) -> None:
    """An order's bill is paid: put the order under way."""
    order = Order.objects.filter(invoice_id=event.invoice_id).first()
    if order is not None:
        fulfilment.begin(order, payment_id=event.payment_id, now=event.at)


def restore_services(event: InvoicePaid) -> None:
    """A bill is paid: what was suspended for arrears comes back, if this was the last one overdue.

    Two overdue bills of one account that are paid in two transactions at the same moment don't see each other; the
    sweep sees both.
    """
    account = BillingAccount.objects.select_related("legal_entity__operator").get(invoices=event.invoice_id)
    if fulfilment.suspended(account).exists():
        fulfilment.restore_account(account, payment_id=event.payment_id, now=event.at)


def cancel_order(event: InvoiceVoided) -> None:
    """A draft will not be paid: its order is cancelled."""
    order = Order.objects.filter(invoice_id=event.invoice_id).first()
    if order is not None:
        ordering.cancel(order, event.at)
