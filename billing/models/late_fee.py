from django.db import models
from django.db.models import F, Q

from billing.models.invoice import Invoice


class LateFee(models.Model):
    """A fee for paying late, once for a bill, and only after a notice of it was delivered with a way to pay.

    The fee is an invoice of its own on the same account; ``notice_reference`` names the message that was delivered.
    """

    invoice = models.OneToOneField(Invoice, models.PROTECT, related_name="late_fee")
    fee_invoice = models.OneToOneField(Invoice, models.PROTECT, related_name="charged_as_late_fee")
    notice_reference = models.CharField(max_length=80)
    notice_delivered_at = models.DateTimeField()
    charged_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(charged_at__gt=F("notice_delivered_at")), name="latefee_after_its_notice"
            ),
            models.CheckConstraint(condition=~Q(invoice=F("fee_invoice")), name="latefee_not_itself"),
        ]

    def __str__(self) -> str:
        return f"late fee for invoice {self.invoice_id}"
