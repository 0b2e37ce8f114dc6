from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.models import AuditEntry, GatewayEvent, Payment
from payportal.backoffice import access
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, and who looked at whom."""

    list_display = ["at", "actor", "verb", "subject_reference", "operator", "reason"]
    list_select_related = ["operator"]
    list_filter = [OperatorFilter, "verb"]
    search_fields = ["subject_reference", "actor"]
    search_help_text = _("For example customer:17 or staff:3")
    ordering = ["-pk"]


@admin.register(GatewayEvent)
class GatewayEventAdmin(ReadOnlyAdmin):
    """What a gateway told us; an operator's staff see those about its own payments."""

    operator_path = ""
    list_display = ["event_id", "type", "object_reference", "status", "attempts", "received_at", "processed_at"]
    list_filter = ["status", "type"]
    search_fields = ["event_id", "object_reference"]
    ordering = ["-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # An event has no operator of its own: several may share one account at the gateway.
        events = GatewayEvent.objects.all()
        if request.user.is_active and getattr(request.user, "is_superuser", False):
            return events
        theirs = Payment.objects.filter(
            gateway=OuterRef("gateway"),
            gateway_account=OuterRef("gateway_account"),
            gateway_reference=OuterRef("object_reference"),
            operator__in=access.operators_of(request.user).values("pk"),
        )
        return events.filter(Exists(theirs))
