from datetime import time

from django.db import models
from django.db.models import Q

from billing.models import Operator


class MessagingPolicy(models.Model):
    """How an operator speaks to its customers. The first channel is the operator's own ``channel``."""

    class OnUnknown(models.TextChoices):
        LEAVE = "leave", "never send it again"
        AGAIN = "again", "send it once more"

    class Shows(models.TextChoices):
        LINK = "link"
        QR = "qr"

    operator = models.OneToOneField(Operator, models.CASCADE, related_name="messaging_policy")
    account = models.SlugField(default="default", help_text="Which account at the carriers.")
    fallback_channel = models.SlugField(
        blank=True, help_text="Tried only after the carrier's final failure on the first; empty: none."
    )
    whatsapp_shows = models.CharField(max_length=8, choices=Shows, default=Shows.LINK)
    on_unknown = models.CharField(
        max_length=8,
        choices=OnUnknown,
        default=OnUnknown.LEAVE,
        help_text="What to do when nobody can say whether a message arrived.",
    )
    quiet_from = models.TimeField(default=time(21), help_text="No reminders from here ...")
    quiet_until = models.TimeField(default=time(8), help_text="... until here, on the customer's clock.")
    cap_messages = models.PositiveSmallIntegerField(default=3, help_text="At most so many reminders ...")
    cap_days = models.PositiveSmallIntegerField(default=7, help_text="... in so many days.")

    class Meta:
        verbose_name_plural = "messaging policies"
        constraints = [
            models.CheckConstraint(condition=Q(cap_days__gt=0), name="messagingpolicy_cap_days_positive"),
        ]

    def __str__(self) -> str:
        return f"policy of operator {self.operator_id}"
