from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from billing.models import LegalEntity, Operator
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin, ScopedAdmin
from payportal.backoffice.admin.forms import OperatorForm
from payportal.backoffice.admin.speaking import MessagingPolicyInline, ProofRuleInline, ReminderRuleInline


@admin.register(Operator)
class OperatorAdmin(ScopedAdmin):
    """Operators; superusers change name, look, words and help number, nobody deletes one."""

    operator_path = ""
    form = OperatorForm
    inlines = [MessagingPolicyInline, ReminderRuleInline, ProofRuleInline]
    actions = None
    list_display = ["name", "code", "host", "currency", "time_zone", "is_default", "is_active"]
    ordering = ["name"]
    # Money hangs on these: changed by a migration of data, not by a click.
    fixed_fields = ("code", "currency", "country", "gateway", "gateway_account")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_inlines(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Rules have sums in the operator's currency, so there must be one first."""
        return self.inlines if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fixed_fields if obj else ()


@admin.register(LegalEntity)
class LegalEntityAdmin(ReadOnlyAdmin):
    """The companies that issue bills."""

    list_display = ["name", "operator", "organization_number", "invoice_prefix", "next_invoice_number"]
    list_select_related = ["operator"]
    list_filter = [OperatorFilter]
    ordering = ["name"]
