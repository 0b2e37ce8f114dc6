from django.db import models
from django.db.models import Q

from activation.models.device import Device
from activation.models.package import Package
from billing.models import Customer, Invoice


class Order(models.Model):
    """What a customer chose to buy (TMF622: ProductOrder); under way once its invoice is paid."""

    class Status(models.TextChoices):
        ACKNOWLEDGED = "acknowledged"
        IN_PROGRESS = "in_progress"
        HELD = "held"
        COMPLETED = "completed"
        PARTIAL = "partial"
        FAILED = "failed"
        CANCELLED = "cancelled"

    # A paid order leaves CANCELLED again: the money of a payment that we had given up for canceled may still come.
    ALLOWED_FROM = {
        Status.IN_PROGRESS: {Status.ACKNOWLEDGED, Status.HELD, Status.CANCELLED},
        Status.HELD: {Status.IN_PROGRESS},
        Status.COMPLETED: {Status.IN_PROGRESS, Status.HELD},
        Status.PARTIAL: {Status.IN_PROGRESS, Status.HELD},
        Status.FAILED: {Status.IN_PROGRESS, Status.HELD},
        Status.CANCELLED: {Status.ACKNOWLEDGED},
    }

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders")
    invoice = models.OneToOneField(Invoice, models.PROTECT, related_name="order")
    reference = models.CharField(max_length=22, unique=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACKNOWLEDGED)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # What the sweep looks through: all but the great mass that has come to its end.
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["acknowledged", "in_progress", "held", "cancelled"]),
                name="order_unfinished",
            )
        ]

    def __str__(self) -> str:
        return self.reference


class OrderItem(models.Model):
    """One package of an order, for one device where it needs one."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="items")
    package = models.ForeignKey(Package, models.PROTECT, related_name="order_items")
    device = models.ForeignKey(Device, models.PROTECT, null=True, blank=True, related_name="order_items")
    amount = models.BigIntegerField(help_text="The price at the time, with tax, in minor units.")
    duration_days = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "package"], name="orderitem_package_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="orderitem_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.package_id}"
