from django.db import models

from billing.models.operator import Operator


class AuditEntry(models.Model):
    """Who did what to what, and why; also every look at a customer by staff. Append-only."""

    at = models.DateTimeField()
    operator = models.ForeignKey(Operator, models.PROTECT, null=True, blank=True, related_name="audit_entries")
    actor = models.CharField(max_length=150, help_text="staff:<id>, customer:<link>, system:<name>.")
    verb = models.SlugField(max_length=60)
    subject_reference = models.CharField(max_length=120)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["subject_reference", "at"], name="auditentry_subject")]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.subject_reference}"
