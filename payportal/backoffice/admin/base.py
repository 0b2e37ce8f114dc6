"""What every page of the admin keeps to: one's own operators only, money read-only, looks at customers written down."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing import audit
from billing.lib import money, names
from billing.models import AuditEntry, Operator
from payportal.backoffice import access

LOOK = "look"
# In the address of a page that a browser without JavaScript loads again by itself: no new look at anybody.
AGAIN = "again"


def amount_column(field: str, description: Any) -> Callable[[Any, Any], str]:
    """A column that shows minor units as money; the row has a ``currency``, itself or on what it belongs to."""

    @admin.display(description=description, ordering=field)
    def column(self: Any, row: Any) -> str:
        return money.format_money(getattr(row, field), currency_of(row), get_language() or "en")

    return column


def currency_of(row: Any) -> str:
    """The currency of a row, or of the bill, payment or order it is a part of."""
    for owner in ("", "invoice", "payment", "order"):
        holder = getattr(row, owner, None) if owner else row
        found = getattr(holder, "currency", None) or getattr(getattr(holder, "invoice", None), "currency", None)
        if found:
            return str(found)
    raise AttributeError(f"{type(row).__name__} has no currency")


class LocalName:
    """A column for rows whose ``names`` come in several languages."""

    @admin.display(description=_("name"))
    def local_name(self, row: Any) -> str:
        """The row's name in the reader's language."""
        return names.in_language(row.names, get_language() or "en")


class OperatorFilter(admin.SimpleListFilter):
    """Narrows a list to one of the reader's own operators; the others' names are not shown."""

    title = _("operator")
    parameter_name = "operator"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        self.operator_path: str = model_admin.operator_path
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(each.code, each.name) for each in access.operators_of(request.user).order_by("name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        chosen = Operator.objects.filter(code=self.value()).values("pk")
        return queryset.filter(**{f"{self.operator_path}__in": chosen})


class ChangesKept:
    """Whatever staff add, change or delete stands in the audit trail too, beside Django's own log of it."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._keep(request, "add", obj)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._keep(request, "change", obj)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._keep(request, "delete", obj)
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def _keep(self, request: HttpRequest, verb: str, obj: Any) -> None:
        audit.record(
            actor=access.actor(request),
            verb=verb,
            subject_reference=f"{obj._meta.model_name}:{obj.pk}",
            now=timezone.now(),
            operator=obj if isinstance(obj, Operator) else getattr(obj, "operator", None),
        )


class ScopedAdmin(ChangesKept, LocalName, admin.ModelAdmin):
    """A list and its pages, cut to the operators that the reader works for.

    Every way to a row (list, page, history, action) goes through ``get_queryset``, so another operator's row is simply
    not there.
    """

    operator_path: ClassVar[str] = "operator"
    # The noun of the audit trail's subject; set where a page shows a customer's affairs.
    audited_as: ClassVar[str] = ""
    # Sort by what an index serves, and never count a whole table twice for a page.
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return access.within_reach(super().get_queryset(request), request.user, self.operator_path)

    def subject(self, row: Any) -> str:
        """What the audit trail calls this row."""
        return f"{self.audited_as}:{row.pk}"

    def operator_of(self, row: Any) -> Operator | None:
        """The operator a row belongs to."""
        for step in filter(None, self.operator_path.split("__")):
            row = getattr(row, step)
        return row if isinstance(row, Operator) else None

    def keep_look(self, request: HttpRequest, row: Any) -> None:
        """Write down that this person looks at this row."""
        audit.record(
            actor=access.actor(request),
            verb=LOOK,
            subject_reference=self.subject(row),
            now=timezone.now(),
            operator=self.operator_of(row),
        )

    def has_looked(self, request: HttpRequest, row: Any) -> bool:
        """Whether a look of this person's is on record that a page, following by itself, can still stem from."""
        return AuditEntry.objects.filter(
            subject_reference=self.subject(row),
            at__gt=timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE),
            verb=LOOK,
            actor=access.actor(request),
        ).exists()

    def extra_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What a page of its own shows beside the fields; gathered after the look was written down."""
        return {}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of one row; showing a customer's affairs is written down before anything is shown."""
        row = kwargs.get("obj")
        if row is not None:
            if (
                self.audited_as
                and request.method == "GET"
                and not (AGAIN in request.GET and self.has_looked(request, row))
            ):
                self.keep_look(request, row)
            context |= self.extra_context(request, row)
        return super().render_change_form(request, context, *args, **kwargs)


class ReadOnlyAdmin(ScopedAdmin):
    """A list where nothing can be added, changed or deleted, by superusers neither."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.readonly_fields


class ReadOnlyInline(LocalName, admin.TabularInline):
    """The parts of a row, shown to whoever may see the row itself."""

    extra = 0
    max_num = 0
    can_delete = False
    select_related: ClassVar[tuple[str, ...]] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.select_related)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
