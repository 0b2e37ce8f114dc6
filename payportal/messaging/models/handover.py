from django.db import models
from django.db.models import Q

from payportal.messaging.models.message import Message


class Handover(models.Model):
    """One time that a message was given to a carrier: the row is there before the call.

    As long as one is not known to have failed for good, the database admits no other for the same message.
    """

    class Outcome(models.TextChoices):
        PENDING = "pending"
        UNKNOWN = "unknown"
        ACCEPTED = "accepted"
        DELIVERED = "delivered"
        READ = "read"
        # Surely not sent; may be tried again.
        NOT_SENT = "not_sent"
        # Surely not sent and never will be.
        REFUSED = "refused"
        # Taken, and later given up by the carrier for good.
        UNDELIVERED = "undelivered"
        # Nobody can say whether it arrived, and the operator's policy lets it be sent once more all the same.
        GIVEN_UP = "given_up"

    FAILED = (Outcome.NOT_SENT, Outcome.REFUSED, Outcome.UNDELIVERED)

    message = models.ForeignKey(Message, models.PROTECT, related_name="handovers")
    reference = models.CharField(max_length=40, unique=True, help_text="What the carrier gets as our reference.")
    channel = models.SlugField()
    account = models.SlugField(help_text="Which of our accounts at the carrier.")
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.PENDING)
    channel_reference = models.CharField(max_length=120, blank=True, help_text="The carrier's own.")
    last_digits = models.CharField(max_length=2, blank=True, help_text="Of the number it went to.")
    at = models.DateTimeField()
    changed_at = models.DateTimeField()
    cost_micros = models.BigIntegerField(null=True, blank=True, help_text="Millionths of the currency.")
    cost_currency = models.CharField(max_length=3, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["at"], name="handover_by_time")]
        constraints = [
            models.UniqueConstraint(
                fields=["message"],
                condition=~Q(outcome__in=["not_sent", "refused", "undelivered", "given_up"]),
                name="handover_one_not_failed",
            ),
            models.UniqueConstraint(
                fields=["channel", "account", "channel_reference"],
                condition=~Q(channel_reference=""),
                name="handover_channel_reference_once",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
