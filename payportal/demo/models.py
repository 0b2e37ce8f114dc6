from django.db import models


class OutboxMessage(models.Model):
    """What the demo's phone received. An address that opens something is not kept, but made again when it is shown."""

    reference = models.CharField(max_length=80, unique=True, help_text="The Message it was.")
    to = models.CharField(max_length=20)
    sender = models.CharField(max_length=80)
    body = models.TextField()
    address_label = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=8)
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.reference
