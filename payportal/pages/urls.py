"""Addresses of what a customer's phone shows. All posts go below ``/p/<selector>/``, where the cookie is sent."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from payportal.pages import checkout_views, paying_views, receipt_views, status_views


def no_icon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for an icon by themselves; there is none."""
    response = HttpResponse(status=204)
    response["Cache-Control"] = "public, max-age=86400"
    return response


urlpatterns = [
    path("favicon.ico", no_icon),
    path("p/<str:selector>/", checkout_views.link_page, name="link-page"),
    path("p/<str:selector>/state", paying_views.state, name="link-state"),
    path("p/<str:selector>/sum", checkout_views.show_sum, name="link-sum"),
    path("p/<str:selector>/pay", paying_views.pay, name="link-pay"),
    path("p/<str:selector>/takeover", paying_views.take_over, name="link-take-over"),
    path("p/<str:selector>/waiting", paying_views.waiting, name="link-waiting"),
    path("p/<str:selector>/<str:rest>", checkout_views.open_link, name="link-open"),
    path("s/<str:token>", status_views.status, name="status"),
    path("s/<str:token>/part", status_views.part, name="status-part"),
    path("r/<str:token>", receipt_views.receipt, name="receipt"),
]
