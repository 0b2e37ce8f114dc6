"""Friendly words where Django would show its own error pages."""

from django.http import HttpRequest, HttpResponse


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A post without its CSRF token: the page was kept too long, or another site sent it."""
    return HttpResponse("This page is too old. Please open your link again.", status=403, content_type="text/plain")
