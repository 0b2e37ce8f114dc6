from decimal import Decimal

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin, ReadOnlyInline
from payportal.messaging.models import Handover, Message


class HandoverInline(ReadOnlyInline):
    """Each time it was given to a carrier, and what became of it."""

    model = Handover
    fields = ["at", "channel", "outcome", "changed_at", "last_digits", "channel_reference", "cost", "error"]
    readonly_fields = ["cost"]

    @admin.display(description=_("cost"))
    def cost(self, row: Handover) -> str:
        """What the carrier takes for it, where it tells: mostly less than a hundredth."""
        if row.cost_micros is None:
            return ""
        return f"{row.cost_currency} {Decimal(row.cost_micros) / 1_000_000:f}"


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What was told to whom: the occasion and how it went, never the address or the words."""

    audited_as = "message"
    list_display = [
        "reference",
        "operator",
        "customer",
        "template",
        "channel",
        "status",
        "created_at",
        "sent_at",
        "delivered_at",
    ]
    list_select_related = ["operator", "customer"]
    list_filter = [OperatorFilter, "status", "template", "channel"]
    search_fields = ["reference", "customer__reference"]
    ordering = ["-pk"]
    inlines = [HandoverInline]
    fields = [
        "reference",
        "operator",
        "customer",
        "link",
        "payment",
        "template",
        "language",
        "channel",
        "status",
        "attempts",
        "created_at",
        "next_attempt_at",
        "sent_at",
        "delivered_at",
        "read_at",
        "code",
        "error",
    ]
