from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from activation.models import Activation, ActivationJob, Device, Order, OrderItem
from payportal.backoffice import access, desk
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin, ReadOnlyInline, amount_column


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    """Boxes and SIMs."""

    operator_path = "customer__operator"
    audited_as = "device"
    list_display = ["reference", "kind", "local_name", "customer", "account"]
    list_select_related = ["customer", "account"]
    list_filter = [OperatorFilter, "kind"]
    search_fields = ["reference", "customer__reference"]
    ordering = ["-pk"]
    fields = ["reference", "kind", "local_name", "customer", "account"]
    readonly_fields = ["local_name"]


class OrderItemInline(ReadOnlyInline):
    model = OrderItem
    fields = ["package", "device", "sum", "duration_days"]
    readonly_fields = ["sum"]
    ordering = ["pk"]
    select_related = ("package", "device", "order__invoice")
    sum = amount_column("amount", _("price"))


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """What customers bought."""

    operator_path = "customer__operator"
    audited_as = "order"
    list_display = ["reference", "customer", "status", "invoice", "created_at", "completed_at"]
    list_select_related = ["customer", "invoice"]
    list_filter = [OperatorFilter, "status"]
    search_fields = ["reference", "customer__reference"]
    ordering = ["-pk"]
    inlines = [OrderItemInline]


@admin.register(Activation)
class ActivationAdmin(ReadOnlyAdmin):
    """What is or was switched on."""

    operator_path = "customer__operator"
    audited_as = "activation"
    list_display = ["reference", "local_name", "customer", "device", "status", "started_at", "ends_at"]
    list_select_related = ["customer", "device"]
    list_filter = [OperatorFilter, "status"]
    search_fields = ["reference", "customer__reference"]
    ordering = ["-pk"]
    fields = [
        "reference",
        "local_name",
        "service_code",
        "customer",
        "account",
        "device",
        "order_item",
        "status",
        "started_at",
        "ends_at",
        "ended_at",
    ]
    readonly_fields = ["local_name"]


@admin.register(ActivationJob)
class ActivationJobAdmin(ReadOnlyAdmin):
    """What is being done in the operator's network; parked ones wait for a person."""

    list_display = ["idempotency_key", "kind", "status", "attempts", "created_at", "run_after", "done_at", "error"]
    list_filter = ["status", "kind"]
    search_fields = ["idempotency_key"]
    ordering = ["-pk"]
    actions = ["try_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # A job belongs to an order's item or to a service; either leads to the operator.
        return desk.jobs_within_reach(request.user)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(access.RETRY_JOBS))

    @admin.action(description=_("Try the chosen jobs again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[ActivationJob]) -> None:
        """Put parked jobs back into the queue; what is not parked stays as it is."""
        count = desk.retry(queryset, actor=access.actor(request), now=timezone.now())
        text = ngettext("%(count)d job will be tried again.", "%(count)d jobs will be tried again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.WARNING)
