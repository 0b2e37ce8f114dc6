"""The admin site: allauth logs staff in, and a second factor is asked for."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy as _

from billing.models import Alarm


class StaffSite(admin.AdminSite):
    """The one admin site."""

    site_header = _("payportal administration")
    site_title = "payportal"
    index_title = _("Start")
    index_template = "backoffice/index.html"
    site_url = None

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to the one log-in; who is logged in and no staff is told so, not sent around in a circle."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
            wanted = reverse("admin:index")
        if request.user.is_authenticated:
            return redirect(wanted)
        return redirect(f"{reverse('account_login')}?{urlencode({REDIRECT_FIELD_NAME: wanted})}")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The first page, with the open alarms that this person may see."""
        from payportal.backoffice import access

        shown = request.user.has_perm("billing.view_alarm")
        alarms = access.within_reach(Alarm.objects.filter(closed_at__isnull=True), request.user, "operator")
        return super().index(
            request, {**(extra_context or {}), "open_alarms": alarms.order_by("-last_at")[:8] if shown else []}
        )

    def get_urls(self) -> list[URLPattern | URLResolver]:
        from payportal.backoffice.reports import views

        reports = [
            path("reports/", self.admin_view(views.index), name="reports"),
            path("reports/<slug:code>/", self.admin_view(views.report), name="report"),
        ]
        return reports + super().get_urls()
