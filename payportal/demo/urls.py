"""Addresses that only the demo has."""

from django.urls import URLPattern, URLResolver, path

from payportal.demo import inbox

urlpatterns: list[URLPattern | URLResolver] = [
    path("demo/inbox/", inbox.printed_customer, name="demo-inbox"),
    path("demo/inbox/<slug:operator_code>/<slug:reference>/", inbox.customer, name="demo-inbox-of"),
    path("demo/inbox/<slug:operator_code>/brand.css", inbox.brand, name="demo-inbox-brand"),
]
