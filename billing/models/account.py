from django.db import models

from billing.models.customer import Customer
from billing.models.operator import LegalEntity


class BillingAccount(models.Model):
    """A customer number with one legal entity (TMF666: BillingAccount)."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="accounts")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="accounts")
    number = models.CharField(max_length=40)
    names = models.JSONField(default=dict, help_text='What it is for, by language: {"en": "Mobile", "nb": "Mobil"}.')
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["legal_entity", "number"], name="billingaccount_number_once")]

    def __str__(self) -> str:
        return self.number
