from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.models import LinkEvent, Payment, PaymentAllocation, PaymentItem, Refund
from payportal.backoffice import words
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin, ReadOnlyInline, amount_column


class PaymentItemInline(ReadOnlyInline):
    model = PaymentItem
    verbose_name_plural = _("what was asked for, by version")
    fields = ["version", "invoice", "sum"]
    readonly_fields = ["sum"]
    ordering = ["-version", "invoice_id"]
    select_related = ("invoice", "payment")
    sum = amount_column("amount", _("amount"))


class PaymentAllocationInline(ReadOnlyInline):
    model = PaymentAllocation
    verbose_name_plural = _("where the money went")
    fields = ["invoice", "sum", "created_at"]
    readonly_fields = ["sum"]
    ordering = ["invoice_id"]
    select_related = ("invoice", "payment")
    sum = amount_column("amount", _("amount"))


class RefundInline(ReadOnlyInline):
    model = Refund
    verbose_name_plural = _("what went back")
    fields = ["gateway_reference", "status", "sum", "created_at"]
    readonly_fields = ["sum"]
    ordering = ["created_at", "pk"]
    sum = amount_column("amount", _("amount"))


class PaymentEventInline(ReadOnlyInline):
    model = LinkEvent
    verbose_name_plural = _("what happened")
    fields = ["at", "what"]
    readonly_fields = ["what"]
    ordering = ["pk"]

    @admin.display(description=_("what"))
    def what(self, row: LinkEvent) -> str:
        return str(words.of_kind(row.kind))


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Payments: what was asked for, what came, and where it went."""

    audited_as = "payment"
    list_display = ["reference", "operator", "customer", "status", "sum", "method", "created_at", "needs_person"]
    list_select_related = ["operator", "customer"]
    list_filter = [OperatorFilter, "status", "method", ("needs_person", admin.EmptyFieldListFilter)]
    search_fields = ["reference", "gateway_reference", "customer__reference"]
    search_help_text = _("Our reference, the gateway's, or the customer's")
    ordering = ["-pk"]
    fields = [
        "reference",
        "status",
        "needs_person",
        "operator",
        "customer",
        "link",
        "sum",
        "received",
        "refunded",
        "version",
        "gateway",
        "gateway_account",
        "gateway_reference",
        "method",
        "card_brand",
        "card_last4",
        "failure_code",
        "created_at",
        "touched_at",
        "checked_at",
        "succeeded_at",
        "canceled_at",
    ]
    readonly_fields = ["sum", "received", "refunded"]
    inlines = [PaymentItemInline, PaymentAllocationInline, RefundInline, PaymentEventInline]
    sum = amount_column("amount", _("amount"))
    received = amount_column("amount_received", _("received"))
    refunded = amount_column("amount_refunded", _("refunded"))

    def subject(self, row: Payment) -> str:
        return f"payment:{row.reference}"
