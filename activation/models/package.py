from django.db import models
from django.db.models import Q

from billing.models import LegalEntity, Operator


class Package(models.Model):
    """Something that can be bought and switched on for a time (TMF620: ProductOffering)."""

    class Kind(models.TextChoices):
        TV = "tv"
        DATA = "data"

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="packages")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="packages")
    code = models.SlugField()
    kind = models.CharField(max_length=16, choices=Kind)
    names = models.JSONField(default=dict, help_text='By language: {"en": "Films", "nb": "Film"}.')
    icon = models.SlugField(default="play", help_text="Which drawing of the page's own set: ball, film, data, play.")
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(help_text="Price with tax, in minor units.")
    vat_rate = models.PositiveIntegerField(default=0, help_text="In hundredths of a percent: 25 % is 2500.")
    duration_days = models.PositiveIntegerField()
    position = models.PositiveIntegerField(default=0)
    is_on_offer = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operator", "code"], name="package_code_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="package_amount_positive"),
            models.CheckConstraint(condition=Q(duration_days__gt=0), name="package_duration_positive"),
        ]

    def __str__(self) -> str:
        return self.code
