from django.db import models

from billing.models import Customer, Operator


class ContactMedium(models.Model):
    """What is known of one number or mailbox on one medium (TMF632: ContactMedium): opted out, or not to be reached."""

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="contact_media")
    medium = models.SlugField(max_length=16)
    address = models.CharField(max_length=254, help_text="E.164 with +, or a mail address in lower case.")
    opted_out_at = models.DateTimeField(null=True, blank=True)
    unreachable_at = models.DateTimeField(null=True, blank=True)
    reason = models.SlugField(max_length=40, blank=True)

    class Meta:
        verbose_name_plural = "contact media"
        constraints = [
            models.UniqueConstraint(fields=["operator", "medium", "address"], name="contactmedium_once"),
        ]

    def __str__(self) -> str:
        return f"{self.medium} {self.pk}"


class Consent(models.Model):
    """A customer's yes to messages of one purpose; needed for whatever is not about a debt or a purchase of theirs."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="consents")
    purpose = models.SlugField(max_length=24)
    given_at = models.DateTimeField()
    source = models.CharField(max_length=80, blank=True, help_text="Where it was given.")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "purpose"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="consent_one_in_force",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of customer {self.customer_id}"
