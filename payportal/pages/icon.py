"""The operator's mark in its colours: the little picture on a tab, for which browsers ask by themselves."""

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from payportal.pages import brand
from payportal.pages.requests import operator_of

# A mark is drawn for 24 x 24; the square around it leaves it some air.
_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-5 -5 34 34">'
    '<rect x="-5" y="-5" width="34" height="34" rx="8" fill="{color}"/>'
    '<path d="{mark}" fill="none" stroke="{ink}" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>'
    "</svg>"
)
WEEK_SECONDS = 7 * 24 * 3600


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """An SVG of the operator whose host was asked; it says nothing that its host name doesn't."""
    operator = operator_of(request)
    assert operator is not None  # OperatorMiddleware answers to no other host
    look = brand.of(operator)
    drawing = format_html(_DRAWING, color=look.color, mark=look.mark, ink=brand.readable_on(look.color))
    response = HttpResponse(drawing, content_type="image/svg+xml")
    response["Cache-Control"] = f"public, max-age={WEEK_SECONDS}"
    return response
