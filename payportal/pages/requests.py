"""What our middleware and decorators have put on a request, with types."""

from typing import cast

from django.http import HttpRequest

from billing.models import Operator, PaymentLink


class OperatorRequest(HttpRequest):
    """A request to a known operator's host."""

    operator: Operator


class LinkRequest(OperatorRequest):
    """A request with a link that opens something."""

    link: PaymentLink


def operator_of(request: HttpRequest) -> Operator | None:
    """The operator that was asked; None on what answers for any host (static files, health)."""
    return cast("Operator | None", getattr(request, "operator", None))
