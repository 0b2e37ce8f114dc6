from decimal import Decimal

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from payportal.backoffice import access
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin, ReadOnlyInline
from payportal.messaging import retrying
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
    actions = ["try_again"]
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
        "tried_again_at",
        "sent_at",
        "delivered_at",
        "read_at",
        "code",
        "error",
    ]

    def has_send_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(access.USE_LINKS))

    @admin.action(description=_("Try the chosen messages again"), permissions=["send"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        """Queue failed ones anew of which nothing was sent; whoever comes second sees that somebody did."""
        chosen = queryset.order_by("pk").values_list("pk", flat=True)
        tally = retrying.try_again(chosen, actor=access.actor(request), now=timezone.now())
        if tally.again:
            text = ngettext(
                "%(count)d message will be tried again.", "%(count)d messages will be tried again.", tally.again
            )
            messages.success(request, text % {"count": tally.again})
        if tally.under_way:
            text = ngettext(
                "%(count)d message is being tried already.",
                "%(count)d messages are being tried already.",
                tally.under_way,
            )
            messages.warning(request, text % {"count": tally.under_way})
        if tally.left:
            text = ngettext(
                "%(count)d message was left alone. Only what failed and surely was not sent can be tried again.",
                "%(count)d messages were left alone. Only what failed and surely was not sent can be tried again.",
                tally.left,
            )
            messages.warning(request, text % {"count": tally.left})
