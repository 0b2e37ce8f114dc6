from django.db import models
from django.db.models import Q

from billing.models.customer import Customer
from billing.models.operator import Operator


class PaymentLink(models.Model):
    """A short-lived way to one customer's bills in one currency.

    The row holds selector and expiry; the code that makes the address valid is computed from a key outside the
    database whenever it is needed (billing.links), so a dump of this table opens nothing.
    """

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="links")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="links")
    currency = models.CharField(max_length=3)
    selector = models.CharField(max_length=11, unique=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, help_text="The actor, as the audit trail names them.")
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # A robot's visit opens nothing and is told apart from a person's.
    previewed_at = models.DateTimeField(null=True, blank=True)
    via = models.SlugField(blank=True, help_text="How it travelled to the customer: a code the floors above own.")
    # No array: rows with one are slower to write by the thousand.
    ways = models.CharField(
        max_length=400, blank=True, db_default="", default="", help_text="Every way that a copy of it went; codes."
    )
    renews = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="renewals",
        help_text="The link that this one took the place of.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="paymentlink_expires_later"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="paymentlink_currency_iso"),
        ]

    def __str__(self) -> str:
        return f"link {self.pk}"


class LinkEvent(models.Model):
    """One entry of a link's timeline: ``kind`` is an opaque code, the floors above own the words.

    ``detail`` is a code too (a device class, a reason), never a person, an address or a secret. Rows are only added:
    the database refuses to change or delete one.
    """

    link = models.ForeignKey(PaymentLink, models.PROTECT, related_name="events")
    payment = models.ForeignKey("billing.Payment", models.PROTECT, null=True, blank=True, related_name="events")
    kind = models.SlugField(max_length=40)
    detail = models.CharField(max_length=80, blank=True)
    actor = models.CharField(max_length=150, blank=True, help_text="Who did it, as the audit trail names them.")
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["payment", "-id"], name="linkevent_payment_newest"),
            models.Index(fields=["link", "-id"], name="linkevent_link_newest"),
            models.Index(fields=["kind", "at"], name="linkevent_kind_by_time"),
        ]

    def __str__(self) -> str:
        return self.kind
