from django.db import models

from billing.models import Operator


class MessageTemplate(models.Model):
    """An operator's own words for one occasion, language and medium; without a row the product's words are used.

    Placeholders are words in braces, like ``{total}``; which there are, payportal.messaging.placeholders says.
    """

    operator = models.ForeignKey(Operator, models.CASCADE, related_name="message_templates")
    name = models.SlugField(max_length=40)
    language = models.CharField(max_length=8)
    medium = models.SlugField(max_length=16)
    subject = models.CharField(max_length=150, blank=True)
    body = models.TextField(max_length=2000)
    label = models.CharField(max_length=60, blank=True, help_text="The words on the button that opens the address.")
    carrier_name = models.CharField(
        max_length=120, blank=True, help_text="The carrier's name for the approved template (WhatsApp)."
    )
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operator", "name", "language", "medium"], name="messagetemplate_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.medium}, {self.language})"
