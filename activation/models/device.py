from django.db import models

from billing.models import BillingAccount, Customer


class Device(models.Model):
    """What a service runs on: a set-top box, a SIM (TMF639: Resource)."""

    class Kind(models.TextChoices):
        TV = "tv"
        SIM = "sim"

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="devices")
    account = models.ForeignKey(BillingAccount, models.PROTECT, null=True, blank=True, related_name="devices")
    reference = models.CharField(max_length=64, unique=True, help_text="The network's key for it.")
    kind = models.CharField(max_length=16, choices=Kind)
    names = models.JSONField(default=dict, help_text='Where it stands, by language: {"en": "living room"}.')

    def __str__(self) -> str:
        return self.reference
