from django.db import models
from django.db.models import Q

from billing.models import Operator


class ReminderRule(models.Model):
    """When a customer is reminded of a bill: so many days before or after it is due, at a time of day."""

    operator = models.ForeignKey(Operator, models.CASCADE, related_name="reminder_rules")
    code = models.SlugField(max_length=24)
    days = models.SmallIntegerField(help_text="After the due day; negative: before it; 0: on the day.")
    at = models.TimeField(help_text="On the customer's clock.")
    template = models.SlugField(max_length=40, default="reminder")
    channel = models.SlugField(blank=True, help_text="Empty: the operator's.")
    fee_amount = models.BigIntegerField(
        default=0, help_text="Minor units, charged with this reminder; 0: it costs nothing."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operator", "code"], name="reminderrule_code_once"),
            models.CheckConstraint(condition=Q(fee_amount__gte=0), name="reminderrule_fee_not_negative"),
            # Nobody pays for being reminded of what is not late yet.
            models.CheckConstraint(condition=Q(fee_amount=0) | Q(days__gt=0), name="reminderrule_fee_only_late"),
        ]

    def __str__(self) -> str:
        return f"{self.code} of operator {self.operator_id}"
