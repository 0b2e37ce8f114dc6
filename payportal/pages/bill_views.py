"""Every line of a bill: for who has proved to be the customer, and only where the operator has a rule for it."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import invoices, proofs
from billing.lib.money import format_money
from billing.lib.names import in_language
from billing.models import Invoice
from billing.proofs import Action
from payportal.pages import access, pin_views, proof, shell, wording
from payportal.pages.requests import LinkRequest


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill as the page shows it."""

    name: str
    amount: str


@require_safe
@access.no_robots
@access.link_required
def bill(request: LinkRequest, number: int) -> HttpResponse:
    """One of the link's bills, line by line."""
    if not proofs.offers(request.link.operator, Action.DETAILS):
        raise Http404
    if not proof.is_given(request):
        return pin_views.ask(request, f"bill/{number}")
    found = (
        invoices.owed(request.link.customer_id, request.link.currency)
        .filter(pk=number)
        .select_related("account")
        .prefetch_related("lines")
        .first()
    )
    if found is None:
        raise Http404
    return shell.page(request, "pages/bill.html", kind="plain", context=_context(request, found))


def _context(request: LinkRequest, found: Invoice) -> dict[str, object]:
    language = get_language() or "en"
    today = invoices.local_date(request.link.operator.time_zone, timezone.now())
    return {
        "base": f"/p/{request.link.selector}/",
        "name": in_language(found.account.names, language) or _("Bill"),
        "number": found.number,
        "account": found.account.number,
        "state": wording.due(found.due_on, today, language),
        "lines": [
            Line(in_language(line.names, language), format_money(line.amount, found.currency, language))
            for line in found.lines.all()
        ],
        "vat": format_money(found.vat_amount, found.currency, language),
        "amount": format_money(found.amount, found.currency, language),
        "due": format_money(found.amount_due, found.currency, language) if found.amount_due != found.amount else "",
    }
