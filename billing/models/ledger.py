from django.db import models
from django.db.models import Q

from billing.models.customer import Customer
from billing.models.invoice import Invoice
from billing.models.operator import LegalEntity, Operator
from billing.models.payment import Payment


class LedgerEntry(models.Model):
    """One booking: postings that sum to zero in each currency. Never changed; a correction is a new entry.

    ``reference`` names the fact that was booked, so the same fact can't be booked twice.
    """

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="ledger_entries")
    kind = models.SlugField(max_length=40)
    reference = models.CharField(max_length=120, unique=True)
    booked_at = models.DateTimeField()
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, blank=True, related_name="ledger_entries")

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["operator", "booked_at"], name="ledgerentry_operator_time")]

    def __str__(self) -> str:
        return self.reference


class LedgerPosting(models.Model):
    """One side of a booking: debit positive, credit negative, in minor units.

    ``account`` is ``receivable`` (what customers owe), ``revenue`` (what was billed), ``gateway:<gateway>:<account>``
    (what a gateway holds for us) or ``credit`` (money of customers that belongs to no invoice).
    """

    entry = models.ForeignKey(LedgerEntry, models.PROTECT, related_name="postings")
    account = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, blank=True, related_name="postings")
    invoice = models.ForeignKey(Invoice, models.PROTECT, null=True, blank=True, related_name="postings")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, null=True, blank=True, related_name="postings")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="ledgerposting_not_zero"),
            models.CheckConstraint(
                condition=~Q(account="receivable") | Q(invoice__isnull=False, customer__isnull=False),
                name="ledgerposting_receivable_has_invoice",
            ),
            models.CheckConstraint(
                condition=~Q(account="credit") | Q(customer__isnull=False), name="ledgerposting_credit_has_customer"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="ledgerposting_currency_iso"),
        ]
        indexes = [models.Index(fields=["account", "currency"], name="ledgerposting_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount} {self.currency}"
