from django.db import models
from django.db.models import Q

from billing.models.operator import Operator


class Alarm(models.Model):
    """Something a person must look at soon: bad keys, low credit, probing. Open once for each kind and subject."""

    operator = models.ForeignKey(Operator, models.PROTECT, null=True, blank=True, related_name="alarms")
    kind = models.SlugField(max_length=40)
    subject = models.CharField(max_length=120, help_text="What it is about: a code, never a person or a secret.")
    detail = models.CharField(max_length=200, blank=True)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(closed_at__isnull=True), name="alarm_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"
