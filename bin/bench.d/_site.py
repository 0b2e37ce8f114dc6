"""payportal, and in the same process the plain views that the benchmarks compare it with.

``application`` is payportal's own, with two addresses more below ``/plain/``; whatever is asked below ``/bare/`` is
answered by the same views without any middleware.
"""

import json
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payportal.settings")
settings.ROOT_URLCONF = "_site"
settings.TEMPLATES[0]["DIRS"] = [*settings.TEMPLATES[0]["DIRS"], Path(__file__).parent / "templates"]

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402 (the settings come first)
from django.core.wsgi import get_wsgi_application  # noqa: E402

_ours = get_wsgi_application()
_with_middleware, settings.MIDDLEWARE = settings.MIDDLEWARE, []
_bare = WSGIHandler()
settings.MIDDLEWARE = _with_middleware

from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import get_object_or_404, render  # noqa: E402
from django.template.loader import render_to_string  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402

from activation.models import Activation, Package  # noqa: E402
from billing.models import AuditEntry, GatewayEvent, Invoice, PaymentLink  # noqa: E402
from payportal import urls  # noqa: E402
from payportal.pages import sheets, shell  # noqa: E402

# Without CommonMiddleware nobody else says so, and gunicorn would send chunks.
NOTHING = {"Content-Length": "0"}


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """One process, two ways in."""
    is_bare = environ["PATH_INFO"].startswith("/bare/")
    return (_bare if is_bare else _ours)(environ, start_response)


def page(request: HttpRequest, selector: str) -> HttpResponse:
    """Four queries and one template, as anybody would write it first: no cookie checked, no language, no money's
    rules; nothing is shown that payportal doesn't show."""
    link = get_object_or_404(PaymentLink.objects.select_related("customer__operator"), selector=selector)
    bills = list(
        Invoice.objects.filter(account__customer=link.customer, currency=link.currency, status="open")
        .select_related("account")
        .order_by("due_on")
    )
    packages = list(Package.objects.filter(operator_id=link.operator_id, is_on_offer=True).order_by("position"))
    paused = list(Activation.objects.filter(customer=link.customer, status="suspended"))
    context = {
        "link": link,
        "operator": link.customer.operator,
        "bills": bills,
        "packages": packages,
        "paused": paused,
        "today": timezone.now().date(),
        "total": sum(bill.amount for bill in bills),
        "sheet": sheets.of_kind("pay").css,
    }
    return render(request, "plain_page.html", context)


def refusal(request: HttpRequest) -> HttpResponse:
    """One sentence for everybody."""
    return HttpResponse("This link no longer works.", status=404)


def refusal_page(request: HttpRequest) -> HttpResponse:
    """A page of payportal's size for everybody: it is there already, and has no form and no token."""
    return HttpResponse(_page_of_refusal(), status=404)


@cache
def _page_of_refusal() -> bytes:
    frame = shell.Frame("en", False, sheets.of_kind("plain").css, None, "", ())
    return render_to_string("pages/gone.html", {"frame": frame}).encode()


@csrf_exempt
@require_POST
def two_inserts(request: HttpRequest) -> HttpResponse:
    """Stores the event and a second row of about its size: nothing verified, nobody woken, a repetition is a 500."""
    _insert_event(request)
    AuditEntry.objects.create(at=timezone.now(), actor="system:plain", verb="webhook", subject_reference="plain")
    return HttpResponse(headers=NOTHING)


@csrf_exempt
@require_POST
def one_insert(request: HttpRequest) -> HttpResponse:
    _insert_event(request)
    return HttpResponse(headers=NOTHING)


def _insert_event(request: HttpRequest) -> None:
    event, now = json.loads(request.body), timezone.now()
    GatewayEvent.objects.create(
        gateway="stripe",
        gateway_account="plain",
        event_id=event["id"],
        type=event["type"],
        api_version=event["api_version"],
        object_reference=event["data"]["object"]["id"],
        happened_at=datetime.fromtimestamp(event["created"], UTC),
        received_at=now,
        next_attempt_at=now,
    )


urlpatterns = [
    path("plain/page/<str:selector>", page),
    path("plain/refusal", refusal),
    path("plain/refusal-page", refusal_page),
    path("plain/webhook", two_inserts),
    path("bare/webhook", two_inserts),
    path("bare/webhook-of-one", one_insert),
    *urls.urlpatterns,
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
