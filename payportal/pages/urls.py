"""Addresses of what a customer's phone shows. All posts go below ``/p/<selector>/``, where the cookie is sent."""

from django.urls import include, path

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

# Nested: what is below is compared as plain text, and a forged address is looked for among all of it.
_of_link = [
    path("", checkout_views.link_page, name="link-page"),
    path("state", paying_views.state, name="link-state"),
    path("sum", checkout_views.show_sum, name="link-sum"),
    path("seen", paying_views.seen, name="link-seen"),
    path("pay", paying_views.pay, name="link-pay"),
    path("takeover", paying_views.take_over, name="link-take-over"),
    path("out", out_views.leave, name="link-out"),
    path("pin", pin_views.pin, name="link-pin"),
    path("code", pin_views.send_code, name="link-code"),
    path("bill/<int:number>", bill_views.bill, name="link-bill"),
    path("waiting", paying_views.waiting, name="link-waiting"),
    path("<str:rest>", checkout_views.open_link, name="link-open"),
]
urlpatterns = [
    path("p/<str:selector>/", include(_of_link)),
    path("favicon.ico", icon.icon),
    path("icon.svg", icon.icon, name="icon"),
    path("q/<str:selector>/<str:rest>.jpg", qr_views.picture, name="link-picture"),
    path("s/<str:token>", status_views.status, name="status"),
    path("s/<str:token>/part", status_views.part, name="status-part"),
    path("verify", verify_views.verify, name="verify"),
    path("r/<str:token>", receipt_views.receipt, name="receipt"),
]
