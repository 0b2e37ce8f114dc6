from django.contrib import admin

from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin
from payportal.messaging.models import Message


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What was told to whom: the occasion and how it went, never the address or the words."""

    audited_as = "message"
    list_display = ["reference", "operator", "customer", "template", "channel", "status", "created_at", "sent_at"]
    list_select_related = ["operator", "customer"]
    list_filter = [OperatorFilter, "status", "template", "channel"]
    search_fields = ["reference", "customer__reference"]
    ordering = ["-pk"]
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
        "error",
    ]
