from django.db import models
from django.db.models import Q

from billing.models.customer import Customer
from billing.models.link import PaymentLink
from billing.models.operator import Operator


class ProofRule(models.Model):
    """When an operator asks for a PIN before it lets the holder of a link go on.

    A rule asks when all that it names is so: the action, a way that the link or a copy of it went (empty: any), and a
    sum of at least ``amount_from`` in minor units of the link's currency (empty: any).
    """

    class Action(models.TextChoices):
        OPEN = "open"
        PAY = "pay"
        DETAILS = "details"
        DOCUMENTS = "documents"
        SAVE_CARD = "save_card"
        CONTRACT = "contract"

    operator = models.ForeignKey(Operator, models.CASCADE, related_name="proof_rules")
    action = models.CharField(max_length=16, choices=Action)
    via = models.SlugField(blank=True, help_text="The way the link came; empty: any.")
    amount_from = models.BigIntegerField(null=True, blank=True, help_text="Minor units; empty: any sum.")
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operator", "action", "via", "amount_from"], nulls_distinct=False, name="proofrule_once"
            ),
            models.CheckConstraint(
                condition=Q(amount_from__isnull=True) | Q(amount_from__gte=0), name="proofrule_amount_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operator_id}: {self.action}"


class AccountPin(models.Model):
    """A customer's PIN, kept as argon2 over an HMAC whose key is outside the database (billing.pins)."""

    customer = models.OneToOneField(Customer, models.CASCADE, related_name="pin")
    digest = models.CharField(max_length=200)
    key_number = models.PositiveSmallIntegerField()
    set_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"PIN of customer {self.customer_id}"


class OneTimeCode(models.Model):
    """A code sent to the number on file, good once and for one link; kept like a PIN."""

    link = models.ForeignKey(PaymentLink, models.CASCADE, related_name="one_time_codes")
    digest = models.CharField(max_length=200)
    key_number = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["link"],
                condition=Q(used_at__isnull=True, replaced_at__isnull=True),
                name="onetimecode_one_live",
            )
        ]

    def __str__(self) -> str:
        return f"code for link {self.link_id}"


class PinTries(models.Model):
    """Wrong tries in a row, one row for a customer (no link) and one for each link; counted before any hashing.

    Locked until ``locked_until``, for longer each time. A right PIN sets both rows back.
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="pin_tries")
    link = models.ForeignKey(PaymentLink, models.CASCADE, null=True, blank=True, related_name="pin_tries")
    tries = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "PIN tries"
        constraints = [
            models.UniqueConstraint(fields=["customer", "link"], nulls_distinct=False, name="pintries_once"),
        ]

    def __str__(self) -> str:
        return f"{self.tries} tries at customer {self.customer_id}"
