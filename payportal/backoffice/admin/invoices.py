from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.models import Invoice, InvoiceLine
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin, ReadOnlyInline, amount_column


class InvoiceLineInline(ReadOnlyInline):
    model = InvoiceLine
    fields = ["position", "local_name", "sum", "vat"]
    readonly_fields = ["position", "local_name", "sum", "vat"]
    ordering = ["position"]
    select_related = ("invoice",)
    sum = amount_column("amount", _("amount"))
    vat = amount_column("vat_amount", _("of this, VAT"))


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """Bills with their lines."""

    operator_path = "account__customer__operator"
    audited_as = "invoice"
    list_display = ["__str__", "account", "legal_entity", "status", "due_on", "sum", "paid"]
    list_select_related = ["account", "legal_entity"]
    list_filter = [OperatorFilter, "status"]
    search_fields = ["number", "account__number"]
    search_help_text = _("Number of the bill or of the customer")
    ordering = ["-pk"]
    fields = [
        "number",
        "status",
        "account",
        "legal_entity",
        "sum",
        "paid",
        "vat",
        "issued_on",
        "due_on",
        "period_start_on",
        "period_end_on",
        "created_at",
        "paid_at",
    ]
    readonly_fields = ["sum", "paid", "vat"]
    inlines = [InvoiceLineInline]
    sum = amount_column("amount", _("amount"))
    paid = amount_column("amount_paid", _("paid"))
    vat = amount_column("vat_amount", _("of this, VAT"))
