"""Addresses of what a customer's phone shows. All posts go below ``/p/<selector>/``, where the cookie is sent."""

from django.urls import path

from payportal.pages import bill_views, checkout_views, icon, paying_views, pin_views, receipt_views, status_views

urlpatterns = [
    path("favicon.ico", icon.icon),
    path("icon.svg", icon.icon, name="icon"),
    path("p/<str:selector>/", checkout_views.link_page, name="link-page"),
    path("p/<str:selector>/state", paying_views.state, name="link-state"),
    path("p/<str:selector>/sum", checkout_views.show_sum, name="link-sum"),
    path("p/<str:selector>/pay", paying_views.pay, name="link-pay"),
    path("p/<str:selector>/takeover", paying_views.take_over, name="link-take-over"),
    path("p/<str:selector>/pin", pin_views.pin, name="link-pin"),
    path("p/<str:selector>/code", pin_views.send_code, name="link-code"),
    path("p/<str:selector>/bill/<int:number>", bill_views.bill, name="link-bill"),
    path("p/<str:selector>/waiting", paying_views.waiting, name="link-waiting"),
    path("p/<str:selector>/<str:rest>", checkout_views.open_link, name="link-open"),
    path("s/<str:token>", status_views.status, name="status"),
    path("s/<str:token>/part", status_views.part, name="status-part"),
    path("r/<str:token>", receipt_views.receipt, name="receipt"),
]
