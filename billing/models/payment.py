from django.db import models
from django.db.models import Q

from billing.models.customer import Customer
from billing.models.invoice import Invoice
from billing.models.link import PaymentLink
from billing.models.operator import Operator


class Payment(models.Model):
    """One attempt to collect money from a customer (Stripe: PaymentIntent; TMF676: Payment).

    The row is written before the gateway is called and is never deleted, so an attempt that was cut off half-way can
    still be found and reconciled. Amounts are minor units of ``currency``.
    """

    class Status(models.TextChoices):
        CREATED = "created"
        PROCESSING = "processing"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELED = "canceled"

    # Target -> where it may come from. FAILED is not final: the customer may try the same PaymentIntent again with
    # another card. Nor is PROCESSING: an answer that the next attempt overtook may have said so. Money that came is
    # booked from every state, even CANCELED.
    ALLOWED_FROM = {
        Status.CREATED: {Status.PROCESSING, Status.FAILED},
        Status.PROCESSING: {Status.CREATED, Status.FAILED},
        Status.SUCCEEDED: {Status.CREATED, Status.PROCESSING, Status.FAILED, Status.CANCELED},
        Status.FAILED: {Status.CREATED, Status.PROCESSING},
        Status.CANCELED: {Status.CREATED, Status.PROCESSING, Status.FAILED},
    }
    OPEN = (Status.CREATED, Status.PROCESSING, Status.FAILED)

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="payments")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="payments")
    link = models.ForeignKey(PaymentLink, models.PROTECT, related_name="payments")
    reference = models.CharField(max_length=22, unique=True, help_text="Ours; also the receipt's selector.")
    status = models.CharField(max_length=16, choices=Status, default=Status.CREATED)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(help_text="What we ask for now, in minor units.")
    amount_received = models.BigIntegerField(default=0, help_text="What the gateway says it took, as booked.")
    currency_received = models.CharField(max_length=3, blank=True)
    amount_refunded = models.BigIntegerField(
        default=0, db_default=0, help_text="What went back to the payer, as booked."
    )
    refunded_at = models.DateTimeField(null=True, blank=True, help_text="When the newest of it went.")
    # Every change of what is asked for is a version, and the gateway's object says which one it was charged for.
    version = models.PositiveIntegerField(default=1)
    version_at_gateway = models.PositiveIntegerField(default=0, help_text="The newest one the gateway confirmed.")
    gateway = models.SlugField()
    gateway_account = models.SlugField()
    # NULL until the gateway told us: unknown is not the same for two payments.
    gateway_reference = models.CharField(max_length=80, null=True, blank=True)  # noqa: DJ001
    gateway_request = models.JSONField(default=dict, help_text="The exact parameters of the creating call.")
    requested_at = models.DateTimeField(null=True, blank=True, help_text="When the creating call was first made.")
    method = models.CharField(max_length=32, blank=True, help_text="card, apple_pay, google_pay, sepa_debit ...")
    card_brand = models.CharField(max_length=20, blank=True)
    card_last4 = models.CharField(max_length=4, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    needs_person = models.CharField(max_length=64, blank=True, help_text="Why it is on the work list; empty: it isn't.")
    created_at = models.DateTimeField()
    touched_at = models.DateTimeField(help_text="When the customer or the gateway last did something.")
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When we last asked the gateway.")
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When the gateway last said how it stands.")
    succeeded_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(condition=Q(amount_received__gte=0), name="payment_received_not_negative"),
            models.CheckConstraint(condition=Q(amount_refunded__gte=0), name="payment_refunded_not_negative"),
            # A gateway object belongs to one payment: a replayed webhook can find it again but can never create a
            # second one.
            models.UniqueConstraint(
                fields=["gateway", "gateway_account", "gateway_reference"], name="payment_gateway_reference_once"
            ),
            models.UniqueConstraint(
                fields=["link"],
                condition=Q(status__in=["created", "processing", "failed"]),
                name="payment_one_open_per_link",
            ),
            models.CheckConstraint(
                condition=~Q(status="succeeded") | Q(succeeded_at__isnull=False), name="payment_succeeded_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(status="canceled") | Q(canceled_at__isnull=False), name="payment_canceled_has_time"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="payment_currency_iso"),
        ]
        indexes = [models.Index(fields=["status", "touched_at"], name="payment_status_touched")]

    def __str__(self) -> str:
        return self.reference


class PaymentItem(models.Model):
    """What one version of a payment asks for on one invoice.

    Kept for every version: a phone that still holds an older amount may have paid just that.
    """

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="items")
    version = models.PositiveIntegerField()
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="payment_items")
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "version", "invoice"], name="paymentitem_invoice_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="paymentitem_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id}/{self.version}/{self.invoice_id}"
