from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.models import LedgerEntry, LedgerPosting
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin, ReadOnlyInline, amount_column


class LedgerPostingInline(ReadOnlyInline):
    model = LedgerPosting
    fields = ["account", "sum", "customer", "invoice", "legal_entity"]
    readonly_fields = ["sum"]
    ordering = ["pk"]
    select_related = ("customer", "invoice", "legal_entity")
    sum = amount_column("amount", _("debit, or credit with a minus"))


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Bookings with their two or more sides."""

    list_display = ["reference", "kind", "operator", "booked_at"]
    list_select_related = ["operator"]
    list_filter = [OperatorFilter, "kind"]
    search_fields = ["reference"]
    ordering = ["-pk"]
    fields = ["reference", "kind", "operator", "booked_at", "payment"]
    inlines = [LedgerPostingInline]
