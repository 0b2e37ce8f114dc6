"""Addresses of what a customer's phone shows. All posts go below ``/p/<selector>/``, where the cookie is sent."""

from django.urls import path

from payportal.pages import (
    bill_views,
    checkout_views,
    icon,
    out_views,
    paying_views,
    pin_views,
    qr_views,
    receipt_views,
    status_views,
    verify_views,
)

urlpatterns = [
    path("favicon.ico", icon.icon),
    path("icon.svg", icon.icon, name="icon"),
    path("p/<str:selector>/", checkout_views.link_page, name="link-page"),
    path("p/<str:selector>/state", paying_views.state, name="link-state"),
    path("p/<str:selector>/sum", checkout_views.show_sum, name="link-sum"),
    path("p/<str:selector>/seen", paying_views.seen, name="link-seen"),
    path("p/<str:selector>/pay", paying_views.pay, name="link-pay"),
    path("p/<str:selector>/takeover", paying_views.take_over, name="link-take-over"),
    path("p/<str:selector>/out", out_views.leave, name="link-out"),
    path("p/<str:selector>/pin", pin_views.pin, name="link-pin"),
    path("p/<str:selector>/code", pin_views.send_code, name="link-code"),
    path("p/<str:selector>/bill/<int:number>", bill_views.bill, name="link-bill"),
    path("p/<str:selector>/waiting", paying_views.waiting, name="link-waiting"),
    path("p/<str:selector>/<str:rest>", checkout_views.open_link, name="link-open"),
    path("q/<str:selector>/<str:rest>.jpg", qr_views.picture, name="link-picture"),
    path("s/<str:token>", status_views.status, name="status"),
    path("s/<str:token>/part", status_views.part, name="status-part"),
    path("verify", verify_views.verify, name="verify"),
    path("r/<str:token>", receipt_views.receipt, name="receipt"),
]
