from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import links
from billing.models import PaymentLink
from payportal.backoffice import access, actors, desk, pulse, timeline
from payportal.backoffice.admin.base import OperatorFilter
from payportal.backoffice.admin.following import FollowingAdmin


@admin.register(PaymentLink)
class PaymentLinkAdmin(FollowingAdmin):
    """Links with what happened on them, and what can be done with one."""

    audited_as = "link"
    change_form_template = "backoffice/link.html"
    news_template = "backoffice/link_news.html"
    list_display = [
        "__str__",
        "operator",
        "customer",
        "currency",
        "created_at",
        "expires_at",
        "opened_at",
        "revoked_at",
    ]
    list_select_related = ["operator", "customer"]
    list_filter = [OperatorFilter]
    search_fields = ["customer__reference"]
    search_help_text = gettext_lazy("The customer's reference")
    ordering = ["-pk"]
    # Not the selector: it is half of an address.
    fields = ["customer", "currency", "created_at", "created_by", "expires_at", "opened_at", "revoked_at"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<int:pk>/{verb}/", self.admin_site.admin_view(self._by_post(view)), name=f"billing_paymentlink_{name}"
            )
            for verb, name, view in (
                ("code", "code", self.code),
                ("print", "print", self.print),
                ("send", "send", self.send),
                ("withdraw", "withdraw", self.withdraw),
            )
        ]
        return own + super().get_urls()

    def _by_post(self, view: Callable[[HttpRequest, PaymentLink], HttpResponse]) -> Callable[..., HttpResponse]:
        """Let a view be reached by POST, by those who may, for a link within their reach."""

        def guarded(request: HttpRequest, pk: int) -> HttpResponse:
            if not request.user.has_perm(access.USE_LINKS):
                raise PermissionDenied
            link = self.get_queryset(request).select_related("operator", "customer").filter(pk=pk).first()
            if link is None:
                raise Http404
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            return view(request, link)

        return guarded

    def code(self, request: HttpRequest, link: PaymentLink) -> HttpResponse:
        """The address and its QR code, this once: in this answer and nowhere else."""
        try:
            address, svg = desk.show_code(link, actor=access.actor(request), now=timezone.now())
        except desk.LinkEnded:
            return self._ended(request, link)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Link for %(customer)s") % {"customer": link.customer.reference},
            "link": link,
            "address": address,
            "svg": svg,
            "opts": self.opts,
        }
        response = TemplateResponse(request, "backoffice/link_code.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def print(self, request: HttpRequest, link: PaymentLink) -> HttpResponse:
        """The QR code as a picture to be kept: its name tells nothing, what is in it opens the bills."""
        try:
            picture = desk.print_code(link, actor=access.actor(request), now=timezone.now())
        except desk.LinkEnded:
            return self._ended(request, link)
        response = HttpResponse(picture, content_type="image/png")
        response["Content-Disposition"] = f'attachment; filename="link-{link.pk}.png"'
        response["Cache-Control"] = "no-store"
        return response

    def send(self, request: HttpRequest, link: PaymentLink) -> HttpResponse:
        """Give the link to the operator's channel."""
        seen = request.POST.get("times_seen", "")
        try:
            was_sent = desk.send_link(
                link,
                times_seen=int(seen) if seen.isdecimal() and len(seen) < 6 else -1,
                actor=access.actor(request),
                now=timezone.now(),
            )
        except desk.LinkEnded:
            return self._ended(request, link)
        if was_sent:
            messages.success(request, _("The link is on its way."))
        else:
            messages.warning(request, _("This link was sent a moment ago. It was not sent again."))
        return self._back(link)

    def withdraw(self, request: HttpRequest, link: PaymentLink) -> HttpResponse:
        """Make the link open nothing from now on."""
        if links.revoke(link, actor=access.actor(request), now=timezone.now()):
            messages.success(request, _("The link is withdrawn. It opens nothing from now on."))
        else:
            messages.warning(request, _("This link was withdrawn before."))
        return self._back(link)

    def _ended(self, request: HttpRequest, link: PaymentLink) -> HttpResponse:
        messages.error(request, _("This link has ended. Make a new one."))
        return self._back(link)

    def _back(self, link: PaymentLink) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:billing_paymentlink_change", args=[link.pk]))

    def pulse_of(self, request: HttpRequest, pk: int, now: datetime) -> pulse.Pulse | None:
        return pulse.of_link(pk, self.get_queryset(request), now)

    def news_context(self, request: HttpRequest, row: PaymentLink) -> dict[str, Any]:
        return {
            "steps": timeline.of_link(row),
            "made_by": actors.names_of([row.created_by])[row.created_by],
            "is_live": desk.is_live(row, timezone.now()),
            "times_sent": desk.times_sent(row),
            "may_use": request.user.has_perm(access.USE_LINKS),
        }
