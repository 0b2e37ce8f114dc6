from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing import audit
from billing.models import Operator
from payportal.backoffice import access, reports
from payportal.backoffice.reports import csv
from payportal.backoffice.reports.base import MAX_DAYS, BadSpan, Cell, Column, Report, Span, snapshot

# A page is for looking; more than this is for the file.
ROWS_ON_PAGE = 400


class SpanForm(forms.Form):
    """Which operator, from which day to which."""

    operator = forms.ModelChoiceField(
        Operator.objects.none(), label=_("Operator"), to_field_name="code", empty_label=None
    )
    first = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, request: HttpRequest, now: datetime) -> None:
        own = access.operators_of(request.user).order_by("name")
        usual = own.first()
        today = now.astimezone(ZoneInfo(usual.time_zone if usual else "UTC")).date()
        data = {
            "operator": usual.code if usual else "",
            "first": today.replace(day=1).isoformat(),
            "last": today.isoformat(),
            **{name: request.GET[name] for name in ("operator", "first", "last") if name in request.GET},
        }
        super().__init__(data)
        field = self.fields["operator"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = own

    def clean(self) -> dict[str, object]:
        """Refuse a span that ends before it begins."""
        cleaned = super().clean() or {}
        if "first" in cleaned and "last" in cleaned:
            try:
                cleaned["span"] = Span(cleaned["first"], cleaned["last"])
            except BadSpan:
                text = _("The last day must not lie before the first, nor more than %(days)d days after it.")
                raise forms.ValidationError(text % {"days": MAX_DAYS}) from None
        return cleaned


def _guard(request: HttpRequest) -> None:
    if not request.user.has_perm(access.RUN_REPORTS):
        raise PermissionDenied


def index(request: HttpRequest) -> HttpResponse:
    """The finance reports that there are."""
    _guard(request)
    context = {**admin.site.each_context(request), "title": _("Reports"), "reports": reports.REPORTS.values()}
    return TemplateResponse(request, "backoffice/reports.html", context)


def report(request: HttpRequest, code: str) -> HttpResponseBase:
    """One report: the form, the table, and the same as a file."""
    _guard(request)
    if code not in reports.REPORTS:
        raise Http404
    now = timezone.now()
    form = SpanForm(request, now)
    context = {**admin.site.each_context(request), "title": reports.REPORTS[code].title, "form": form}
    if not form.is_valid():
        return TemplateResponse(request, "backoffice/report.html", context, status=422)
    wanted = reports.REPORTS[code](form.cleaned_data["operator"], form.cleaned_data["span"])
    audit.record(
        actor=access.actor(request),
        verb=f"report-{code}",
        subject_reference=f"operator:{wanted.operator.code}",
        now=now,
        reason=f"{wanted.span.first} {wanted.span.last}",
        operator=wanted.operator,
    )
    if request.GET.get("format") == "csv":
        return _file(wanted)
    return TemplateResponse(request, "backoffice/report.html", context | _table(wanted))


def _file(wanted: Report) -> StreamingHttpResponse:
    name = f"{wanted.code}-{wanted.operator.code}-{wanted.span.first}-{wanted.span.last}.csv"
    return StreamingHttpResponse(
        csv.lines(wanted),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _table(wanted: Report) -> dict[str, object]:
    with snapshot():
        rows = list(wanted.rows())
    return {
        "columns": wanted.columns,
        "rows": [_with_columns(wanted, row) for row in rows[:ROWS_ON_PAGE]],
        "totals": [_with_columns(wanted, total) for total in wanted.totals(rows).values()],
        "left_out": max(0, len(rows) - ROWS_ON_PAGE),
        "wanted": wanted,
    }


def _with_columns(wanted: Report, row: Iterable[Cell]) -> list[tuple[Column, str]]:
    return list(zip(wanted.columns, csv.cells(wanted, row), strict=True))
