from django.db import models

from billing.models.operator import Operator


class Customer(models.Model):
    """Somebody who owes or buys (TMF629: Customer)."""

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="customers")
    reference = models.CharField(max_length=64, help_text="The operator's own key for this customer.")
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=8, default="en")
    phone = models.CharField(max_length=20, blank=True, help_text="E.164, with +.")
    email = models.EmailField(blank=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: where the operator is.")
    created_at = models.DateTimeField()
    proofs_from = models.DateTimeField(
        null=True, blank=True, help_text="What proved to be this customer before ends here: there is another PIN."
    )

    class Meta:
        # Whoever writes back is known by the number alone.
        indexes = [models.Index(fields=["phone"], condition=~models.Q(phone=""), name="customer_by_phone")]
        constraints = [models.UniqueConstraint(fields=["operator", "reference"], name="customer_reference_once")]

    def __str__(self) -> str:
        return self.reference
