from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.models import BillingAccount
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin


@admin.register(BillingAccount)
class BillingAccountAdmin(ReadOnlyAdmin):
    """Customer numbers."""

    operator_path = "customer__operator"
    audited_as = "account"
    list_display = ["number", "local_name", "customer", "legal_entity", "created_at"]
    list_select_related = ["customer", "legal_entity"]
    list_filter = [OperatorFilter]
    search_fields = ["number", "customer__reference"]
    search_help_text = _("Customer number")
    ordering = ["-pk"]
    fields = ["number", "local_name", "customer", "legal_entity", "created_at"]
    readonly_fields = ["local_name"]
