from datetime import date
from typing import Self

from django.db import models
from django.db.models import F, Q

from billing.models.account import BillingAccount
from billing.models.operator import LegalEntity


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def owed(self) -> Self:
        """Open and not yet fully paid."""
        return self.filter(status=Invoice.Status.OPEN, amount_paid__lt=F("amount"))

    def overdue(self, today: date) -> Self:
        """Owed and past the due date."""
        return self.owed().filter(due_on__lt=today)

    def of_customer(self, customer_id: int, currency: str) -> Self:
        """All of a customer's in one currency, whichever account or legal entity."""
        return self.filter(account__customer_id=customer_id, currency=currency)

    def late_first(self) -> Self:
        """By due date: what is overdue comes before what is not."""
        return self.order_by("due_on", "pk")


class Invoice(models.Model):
    """A bill (TMF678: CustomerBill; Stripe: Invoice). On pages it is called a bill.

    A draft is no debt: it is in no balance, no ageing and no other link. ``amount_paid`` always equals what the ledger
    has credited to this invoice's receivable. All amounts are minor units of ``currency``.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"
        VOID = "void"
        UNCOLLECTIBLE = "uncollectible"

    # Target -> where it may come from. A draft that was given up is opened all the same when its money comes.
    ALLOWED_FROM = {
        Status.OPEN: {Status.DRAFT, Status.VOID},
        Status.PAID: {Status.OPEN, Status.UNCOLLECTIBLE},
        Status.VOID: {Status.DRAFT, Status.OPEN},
        Status.UNCOLLECTIBLE: {Status.OPEN},
    }

    account = models.ForeignKey(BillingAccount, models.PROTECT, related_name="invoices")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="invoices")
    # NULL, not an empty text: any number of drafts may be without one, under the unique constraint.
    number = models.CharField(max_length=64, null=True, blank=True, help_text="A draft has none.")  # noqa: DJ001
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(help_text="What the bill says in all, in minor units.")
    amount_paid = models.BigIntegerField(default=0)
    vat_amount = models.BigIntegerField(default=0, help_text="Of this, value added tax.")
    issued_on = models.DateField()
    due_on = models.DateField()
    period_start_on = models.DateField(null=True, blank=True)
    period_end_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)
    # What the bill was read from: a file taken twice is recognized, whatever it is called.
    source_digest = models.CharField(max_length=64, blank=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["legal_entity", "number"], name="invoice_number_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="invoice_amount_positive"),
            models.CheckConstraint(
                condition=Q(amount_paid__gte=0) & Q(amount_paid__lte=F("amount")), name="invoice_paid_within_amount"
            ),
            models.CheckConstraint(
                condition=~Q(status="paid") | Q(amount_paid=F("amount")), name="invoice_paid_means_all"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["draft", "void"]) | Q(amount_paid=0), name="invoice_draft_or_void_unpaid"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "void"]) | Q(number__isnull=False), name="invoice_open_has_number"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="invoice_currency_iso"),
        ]
        indexes = [
            models.Index(fields=["account", "status", "due_on"], name="invoice_account_open"),
            models.Index(fields=["due_on"], name="invoice_by_due_date"),
        ]

    def __str__(self) -> str:
        return self.number or f"draft {self.pk}"

    @property
    def amount_due(self) -> int:
        """What is still to be paid, in minor units."""
        return self.amount - self.amount_paid

    def is_overdue(self, today: date) -> bool:
        """Whether the due date has passed; on the day itself it has not."""
        return self.status == self.Status.OPEN and self.due_on < today


class InvoiceLine(models.Model):
    """One line of a bill (TMF678: AppliedCustomerBillingRate); the lines sum to the invoice's amount."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    names = models.JSONField(default=dict, help_text="What it is for, by language.")
    amount = models.BigIntegerField(help_text="With tax, in minor units; a rebate is negative.")
    vat_amount = models.BigIntegerField(default=0)
    vat_rate = models.PositiveIntegerField(default=0, help_text="In hundredths of a percent: 25 % is 2500.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="invoiceline_position_once")]

    def __str__(self) -> str:
        return f"{self.invoice_id}/{self.position}"
