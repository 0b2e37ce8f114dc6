from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q


class Operator(models.Model):
    """A telecom whose customers pay here, known by its host name (the tenant).

    Read once into each process and again when older than 30 s, so a change shows everywhere within that time.
    """

    code = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    host = models.CharField(max_length=253, unique=True)
    is_default = models.BooleanField(default=False, help_text="Answers for every host that names no other operator.")
    brand_color = models.CharField(max_length=7, validators=[RegexValidator(r"^#[0-9a-f]{6}\Z")])
    mark = models.CharField(max_length=200, blank=True, help_text="The path data of a 24 x 24 outline drawing.")
    currency = models.CharField(max_length=3)
    country = models.CharField(max_length=2)
    languages = models.JSONField(default=list, help_text="Codes, the first one is spoken when nothing else is known.")
    time_zone = models.CharField(max_length=64, default="UTC")
    help_phone = models.CharField(max_length=32)
    channel = models.SlugField(default="email", help_text="The registry key of the channel messages go out on.")
    gateway = models.SlugField(default="stripe")
    gateway_account = models.SlugField(default="default")
    link_lifetime_minutes = models.PositiveIntegerField(default=120)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="operator_one_default"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="operator_currency_iso"),
            models.CheckConstraint(condition=Q(link_lifetime_minutes__gt=0), name="operator_link_lifetime_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class LegalEntity(models.Model):
    """A company of an operator that issues invoices (TMF632: Organization)."""

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="legal_entities")
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=200, blank=True)
    organization_number = models.CharField(max_length=40)
    # Invoices that we issue (for packages) are numbered without gaps: the row is locked while one is opened.
    invoice_prefix = models.CharField(max_length=12, default="P")
    next_invoice_number = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "legal entities"
        constraints = [
            models.UniqueConstraint(fields=["operator", "organization_number"], name="legalentity_number_once")
        ]

    def __str__(self) -> str:
        return self.name
