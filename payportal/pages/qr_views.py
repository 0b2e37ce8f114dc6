"""A link's QR code as a picture, for carriers that fetch what they send.

Whoever asks has the address in hand already; the picture tells nothing more. Asking for it opens nothing, marks nothing
and gives no cookie, so carriers, previews and robots may do so as often as they like.
"""

from urllib.parse import urlsplit

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from billing import links
from payportal import probing, qr
from payportal.pages import access, shell
from payportal.pages.requests import OperatorRequest


@require_http_methods(["GET", "HEAD", "POST"])
def picture(request: OperatorRequest, selector: str, rest: str) -> HttpResponse:
    """The code as JPEG; what opens nothing gets the page that all such addresses get."""
    try:
        link = links.resolve(request.operator, selector, rest, timezone.now())
    except links.LinkForged:
        probing.noticed(request)
        return access.refuse(request)
    except links.LinkUnusable:
        return access.refuse(request, selector, rest)
    label = urlsplit(links.origin(request.operator)).hostname or ""
    return shell.private(HttpResponse(qr.jpeg(links.url(link), label), content_type="image/jpeg"))
