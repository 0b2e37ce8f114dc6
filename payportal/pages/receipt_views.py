"""The receipt's page: opened by a token that never ends."""

from django.http import HttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from billing import receipts
from billing.links import LinkUnusable
from payportal import probing
from payportal.pages import access, language, receipt_page, shell
from payportal.pages.requests import OperatorRequest


@require_http_methods(["GET", "HEAD", "POST"])
@access.no_robots
def receipt(request: OperatorRequest, token: str) -> HttpResponse:
    """One payment's receipt; to be printed, and to be kept by nobody's cache."""
    try:
        payment = receipts.resolve(request.operator, token)
    except LinkUnusable:
        probing.noticed(request)
        return access.refuse(request)
    language.prefer(request, payment.customer.language)
    page = receipt_page.build(payment, request.operator, get_language() or "en")
    context = {"receipt": page, "script": shell.asset("js/status.js")}
    return shell.page(request, "pages/receipt.html", kind="receipt", context=context)
