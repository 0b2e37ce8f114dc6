from django.db import models
from django.db.models import Q

from billing.models.invoice import Invoice
from billing.models.payment import Payment


class PaymentAllocation(models.Model):
    """How much of a payment went to one invoice; what went to none is the customer's credit in the ledger."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="allocations")
    amount = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "invoice"], name="paymentallocation_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="paymentallocation_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} to {self.invoice_id}"
