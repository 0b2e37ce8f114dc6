from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from activation.models import Package
from billing.models import LegalEntity
from payportal.backoffice import access
from payportal.backoffice.admin.base import OperatorFilter, ScopedAdmin, amount_column
from payportal.backoffice.admin.forms import PackageForm


@admin.register(Package)
class PackageAdmin(ScopedAdmin):
    """What is on offer. A price changed here holds for what is bought from now on."""

    form = PackageForm
    exclude = ["amount"]
    actions = None
    list_display = ["code", "local_name", "operator", "kind", "price", "duration_days", "is_on_offer", "position"]
    list_select_related = ["operator"]
    list_filter = [OperatorFilter, "is_on_offer", "kind"]
    ordering = ["operator", "position", "code"]
    price = amount_column("amount", _("price"))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("operator", "code") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # What was ever bought is on orders; what is no longer sold is taken off offer.
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> ModelChoiceField | None:
        """Offer only the reader's own operators and their companies."""
        if db_field.name == "operator":
            kwargs["queryset"] = access.operators_of(request.user)
        elif db_field.name == "legal_entity":
            kwargs["queryset"] = access.within_reach(LegalEntity.objects.all(), request.user, "operator")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
