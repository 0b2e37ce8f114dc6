from django.db import models


class GatewayEvent(models.Model):
    """That a gateway told us something (Stripe: Event): ids, type, version, times and a digest, no person in it."""

    class Status(models.TextChoices):
        RECEIVED = "received"
        PROCESSED = "processed"
        PARKED = "parked"

    gateway = models.SlugField()
    gateway_account = models.SlugField()
    event_id = models.CharField(max_length=80)
    type = models.CharField(max_length=80)
    api_version = models.CharField(max_length=40, blank=True)
    object_reference = models.CharField(max_length=80, help_text="The payment's gateway reference where there is one.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the raw body.")
    happened_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status, default=Status.RECEIVED)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "gateway_account", "event_id"], name="gatewayevent_once")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(status="received"), name="gatewayevent_waiting"
            ),
            models.Index(fields=["received_at"], condition=models.Q(status="parked"), name="gatewayevent_parked"),
        ]

    def __str__(self) -> str:
        return self.event_id
