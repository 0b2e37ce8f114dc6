from django.db import models
from django.db.models import Q

from activation.models.device import Device
from activation.models.order import OrderItem
from billing.models import BillingAccount, Customer


class Activation(models.Model):
    """A service that is or was on, with a start and an end (TMF638: Service).

    A package's has an order item and ends; a subscription's (the TV that comes with an account) has an account, no
    end, and may be suspended while that account is in arrears.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        ENDED = "ended"

    ALLOWED_FROM = {
        Status.ACTIVE: {Status.SUSPENDED},
        Status.SUSPENDED: {Status.ACTIVE},
        Status.ENDED: {Status.ACTIVE, Status.SUSPENDED},
    }

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="activations")
    account = models.ForeignKey(BillingAccount, models.PROTECT, null=True, blank=True, related_name="activations")
    order_item = models.OneToOneField(OrderItem, models.PROTECT, null=True, blank=True, related_name="activation")
    device = models.ForeignKey(Device, models.PROTECT, null=True, blank=True, related_name="activations")
    reference = models.CharField(max_length=64, unique=True, help_text="Known to the network by this.")
    service_code = models.CharField(max_length=64, help_text="What the network is told to switch: tv, sports-weekend.")
    names = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # How often it was suspended: names the restoring job, so that each suspension is lifted once.
    suspension = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("started_at")),
                name="activation_ends_after_start",
            ),
        ]
        indexes = [
            models.Index(fields=["ends_at"], condition=Q(status="active"), name="activation_ending"),
            models.Index(fields=["account"], condition=Q(status="suspended"), name="activation_suspended"),
        ]

    def __str__(self) -> str:
        return self.reference
