"""What a person must look at soon, and numbers that can't or may not be written to."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext

from billing import alarms, audit
from billing.models import Alarm
from payportal.backoffice import access
from payportal.backoffice.admin.base import OperatorFilter, ReadOnlyAdmin
from payportal.messaging.models import Consent, ContactMedium


class OpenFilter(admin.SimpleListFilter):
    """Open ones first of all: that is what the list is for."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("closed", gettext_lazy("closed")), ("all", gettext_lazy("all"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": gettext_lazy("open")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(closed_at__isnull=self.value() != "closed")


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    """Alarms; those of the whole site are for superusers."""

    list_display = ["kind", "subject", "detail", "operator", "count", "first_at", "last_at", "closed_at"]
    list_select_related = ["operator"]
    list_filter = [OpenFilter, OperatorFilter, "kind"]
    ordering = ["-last_at"]
    actions = ["close"]

    @admin.action(description=gettext_lazy("Close: somebody has seen to it"), permissions=["view"])
    def close(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> None:
        """Close the chosen ones; what goes on being wrong opens another."""
        now, actor = timezone.now(), access.actor(request)
        closed = sum(alarms.close(pk, actor=actor, now=now) for pk in queryset.values_list("pk", flat=True))
        messages.success(request, ngettext("%d alarm closed.", "%d alarms closed.", closed) % closed)


@admin.register(ContactMedium)
class ContactMediumAdmin(ReadOnlyAdmin):
    """Numbers and mailboxes with something to know of them; only the end of each is shown."""

    list_display = ["operator", "medium", "ending", "opted_out_at", "unreachable_at", "reason"]
    list_select_related = ["operator"]
    list_filter = [OperatorFilter, "medium"]
    ordering = ["-pk"]
    fields = ["operator", "medium", "ending", "opted_out_at", "unreachable_at", "reason"]
    readonly_fields = ["ending"]
    actions = ["try_again"]

    @admin.display(description=gettext_lazy("ends in"))
    def ending(self, row: ContactMedium) -> str:
        """The last digits of a number, or the host of a mailbox."""
        return f"@{row.address.rpartition('@')[2]}" if "@" in row.address else f"…{row.address[-2:]}"

    @admin.action(description=gettext_lazy("It can be reached again: try it"), permissions=["view"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[ContactMedium]) -> None:
        """Forget that a number could not be reached. Who wants no messages is the only one who can take that back."""
        now, changed = timezone.now(), 0
        for row in queryset.select_related("operator").filter(unreachable_at__isnull=False):
            if ContactMedium.objects.filter(pk=row.pk, unreachable_at__isnull=False).update(unreachable_at=None):
                changed += 1
                audit.record(
                    actor=access.actor(request),
                    verb="try-contact-again",
                    subject_reference=f"contactmedium:{row.pk}",
                    now=now,
                    operator=row.operator,
                )
        messages.success(request, ngettext("%d will be tried again.", "%d will be tried again.", changed) % changed)


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """Who agreed to what that is not about a debt."""

    operator_path = "customer__operator"
    audited_as = "consent"
    list_display = ["customer", "purpose", "given_at", "source", "withdrawn_at"]
    list_select_related = ["customer__operator"]
    list_filter = [OperatorFilter, "purpose"]
    ordering = ["-pk"]
    fields = ["customer", "purpose", "given_at", "source", "withdrawn_at"]
