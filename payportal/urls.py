"""Every address of the site."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path

from payportal import metrics, webhooks
from payportal.messaging import inbound_views


def health(request: HttpRequest) -> HttpResponse:
    """Answers while the process can answer: no database is asked."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health, name="health"),
    path("metrics", metrics.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("webhooks/stripe/<slug:account>", webhooks.stripe, name="stripe-webhook"),
    path("webhooks/messages/<slug:channel>/<slug:account>", inbound_views.inbound, name="messages-webhook"),
    path("", include("payportal.pages.urls")),
]
handler400 = "payportal.pages.errors.bad_request"
handler403 = "payportal.pages.errors.bad_request"
handler404 = "payportal.pages.errors.not_found"
handler500 = "payportal.pages.errors.failed"
if not settings.IS_PRODUCTION:
    from payportal.demo import urls as demo_urls

    urlpatterns += demo_urls.urlpatterns
