from django.db import models
from django.db.models import Q

from billing.models.payment import Payment


class Refund(models.Model):
    """Money of a payment that went back to its payer (Stripe: Refund). Amounts are minor units of ``currency``.

    Made at the gateway by a person of the operator's; here it is heard of, booked and told. Never deleted.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELED = "canceled"

    # Target -> where it may come from. Stripe may say "failed" days after "succeeded": docs.stripe.com/refunds,
    # "Failed refunds". The money is with the operator again then.
    ALLOWED_FROM = {
        Status.PENDING: frozenset(),
        Status.SUCCEEDED: frozenset({Status.PENDING}),
        Status.FAILED: frozenset({Status.PENDING, Status.SUCCEEDED}),
        Status.CANCELED: frozenset({Status.PENDING}),
    }
    # Has left the operator's balance at the gateway.
    GONE = (Status.PENDING, Status.SUCCEEDED)

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    gateway_reference = models.CharField(max_length=80)
    status = models.CharField(max_length=16, choices=Status)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(help_text="When it was made, by the gateway's clock.")
    heard_at = models.DateTimeField(help_text="When we heard of it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "gateway_reference"], name="refund_gateway_reference_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="refund_currency_iso"),
        ]
        indexes = [models.Index(fields=["heard_at"], condition=Q(status="pending"), name="refund_pending")]

    def __str__(self) -> str:
        return self.gateway_reference
