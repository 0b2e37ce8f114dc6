from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import pins
from billing.models import AccountPin, Customer
from payportal.backoffice import access, customer_page, desk, pulse
from payportal.backoffice.admin.base import OperatorFilter
from payportal.backoffice.admin.following import FollowingAdmin
from payportal.messaging import consents

# The purpose of messages that tell of packages, and where staff hear a yes or a no.
OFFERS = "offer"
THE_DESK = "the desk"


@admin.register(Customer)
class CustomerAdmin(FollowingAdmin):
    """Customers by reference; name and the end of the number are on the customer's page, where the look is kept."""

    audited_as = "customer"
    change_form_template = "backoffice/customer.html"
    news_template = "backoffice/customer_news.html"
    list_display = ["reference", "operator", "language", "created_at"]
    list_select_related = ["operator"]
    list_filter = [OperatorFilter]
    # No names and no phone numbers: what is searched for stands in the address.
    search_fields = ["reference", "accounts__number"]
    search_help_text = gettext_lazy("The customer's reference or customer number")
    ordering = ["-pk"]
    fields = ["reference", "operator", "language", "time_zone", "created_at"]

    def get_urls(self) -> list[URLPattern]:
        make = path(
            "<int:pk>/make-link/", self.admin_site.admin_view(self.make_link), name="billing_customer_make_link"
        )
        pin = path("<int:pk>/pin/", self.admin_site.admin_view(self.pin), name="billing_customer_pin")
        offers = path("<int:pk>/offers/", self.admin_site.admin_view(self.offers), name="billing_customer_offers")
        return [make, pin, offers, *super().get_urls()]

    def _asked_of(self, request: HttpRequest, pk: int, permission: str) -> Customer:
        """The customer of whom something is asked, for those who may and who work for that operator."""
        if not request.user.has_perm(permission):
            raise PermissionDenied
        customer: Customer | None = self.get_queryset(request).select_related("operator").filter(pk=pk).first()
        if customer is None:
            raise Http404
        return customer

    def pin(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the customer a PIN in place of any other, or take it away; it is shown nowhere."""
        customer = self._asked_of(request, pk, access.SET_PINS)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        actor, now = access.actor(request), timezone.now()
        if "remove" in request.POST:
            if pins.remove_pin(customer, actor=actor, now=now):
                messages.success(request, _("The PIN is removed. One-time codes go on working."))
            else:
                messages.info(request, _("This customer has no PIN."))
        else:
            try:
                pins.set_pin(customer, "".join(request.POST.get("pin", "").split()), actor=actor, now=now)
                messages.success(request, _("The customer has a new PIN."))
            except pins.Busy:
                messages.error(request, _("Too much is going on just now. Try again in a moment."))
            except pins.NotAPin:
                messages.error(
                    request, _("A PIN is four to eight digits, and none that is easily guessed, like 1234 or 1212.")
                )
        return HttpResponseRedirect(reverse("admin:billing_customer_change", args=[customer.pk]))

    def offers(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Keep what the customer said about offers; said twice it is kept once."""
        customer = self._asked_of(request, pk, access.KEEP_CONSENTS)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        actor, now, agrees = access.actor(request), timezone.now(), request.POST.get("agrees")
        if agrees == "1":
            is_news = consents.give(customer, OFFERS, source=THE_DESK, actor=actor, now=now)
            said = _("From now on they can get offers.") if is_news else _("They had agreed before.")
        elif agrees == "0":
            is_news = consents.withdraw(customer, OFFERS, actor=actor, now=now)
            said = _("They get no offers from now on.") if is_news else _("They had not agreed.")
        else:
            return HttpResponseBadRequest()
        messages.add_message(request, messages.SUCCESS if is_news else messages.INFO, said)
        return HttpResponseRedirect(reverse("admin:billing_customer_change", args=[customer.pk]))

    def make_link(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a payment link and show its page; a second click shows the same link."""
        customer = self._asked_of(request, pk, access.USE_LINKS)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        seen = request.POST.get("newest_seen", "")
        link, was_made = desk.make_link(
            customer,
            newest_seen=int(seen) if seen.isdecimal() and len(seen) < 19 else 0,
            actor=access.actor(request),
            now=timezone.now(),
        )
        if was_made:
            messages.success(request, _("The link is made."))
        else:
            messages.info(request, _("A link was made a moment ago. This is it."))
        return HttpResponseRedirect(reverse("admin:billing_paymentlink_change", args=[link.pk]))

    def pulse_of(self, request: HttpRequest, pk: int, now: datetime) -> pulse.Pulse | None:
        return pulse.of_customer(pk, self.get_queryset(request), now)

    def news_context(self, request: HttpRequest, row: Customer) -> dict[str, Any]:
        return {
            "desk": customer_page.of(row, timezone.now()),
            "may_use": request.user.has_perm(access.USE_LINKS),
        }

    def extra_context(self, request: HttpRequest, row: Customer) -> dict[str, Any]:
        return {
            **super().extra_context(request, row),
            "may_keep_consents": request.user.has_perm(access.KEEP_CONSENTS),
            "offers": consents.in_force(row, OFFERS),
            "may_set_pin": request.user.has_perm(access.SET_PINS),
            "pin_set_at": AccountPin.objects.filter(customer=row).values_list("set_at", flat=True).first(),
        }
