from django.db import models
from django.db.models import Q

from billing.models.invoice import Invoice
from billing.models.payment import Payment


class InvoiceReservation(models.Model):
    """An invoice that is being paid; it ends by fact (settled, or the gateway confirmed the cancel), not by time."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="reservations")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="reservations")
    created_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(released_at__isnull=True), name="invoicereservation_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} by {self.payment_id}"
