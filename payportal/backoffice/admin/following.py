"""Pages that follow what happens while somebody looks at them."""

from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django_htmx.http import HttpResponseStopPolling

from payportal.backoffice.admin.base import ReadOnlyAdmin
from payportal.backoffice.pulse import Pulse


class FollowingAdmin(ReadOnlyAdmin):
    """A row's page that asks for news every two seconds, as long as there may be some.

    It says which version it shows: 204 when that is the newest, 200 when not, 286 at the end.
    """

    # What of the page changes; all of it is in one element.
    news_template: ClassVar[str]

    def pulse_of(self, request: HttpRequest, pk: int, now: datetime) -> Pulse | None:
        """The version of a row within the reader's reach, in one query."""
        raise NotImplementedError

    def news_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the part that changes shows."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        own = path("<int:pk>/news/", self.admin_site.admin_view(self.news), name=self._news_name())
        return [own, *super().get_urls()]

    def news(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What changed since version ``v``."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pulse = self.pulse_of(request, pk, timezone.now())
        if pulse is None:
            raise Http404
        if pulse.is_expected and request.GET.get("v", "") == pulse.version:
            return HttpResponse(status=204)
        row = self.get_queryset(request).select_related("operator").get(pk=pk)
        if not self.has_looked(request, row):
            self.keep_look(request, row)
        context = {"original": row, "pulse": pulse, "is_news": True, **self._context(request, row)}
        response = render(request, self.news_template, context)
        return response if pulse.is_expected else HttpResponseStopPolling(response.content)

    def extra_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        # The version is older than what is shown, or the same: never newer.
        return {"pulse": self.pulse_of(request, row.pk, timezone.now()), **self._context(request, row)}

    def _context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "news_url": reverse(f"admin:{self._news_name()}", args=[row.pk]),
            "news_template": self.news_template,
            **self.news_context(request, row),
        }

    def _news_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_news"
