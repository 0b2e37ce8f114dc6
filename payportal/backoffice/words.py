"""The words for what happened on a link and to a payment: the timeline holds codes only."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TIMELINE: dict[str, str | Promise] = {
    "made": _("Link made"),
    "sent": _("Link sent"),
    "opened": _("Opened"),
    "pay_tapped": _("Pay tapped"),
    "canceled": _("Payment canceled"),
    "processing": _("The bank is working on it"),
    "failed": _("Refused. Nothing was taken"),
    "succeeded": _("Paid"),
    "order_started": _("Switching on begun"),
    "switched_on": _("Switched on"),
    "delayed": _("Switching on takes longer: a person looks at it"),
    "receipt_sent": _("Receipt sent"),
    "revoked": _("Link withdrawn"),
    "taken_over": _("Another payer took over"),
}
# How the marker of a timeline entry looks; everything else is simply done.
MARKERS = {"failed": "fail", "delayed": "fail", "canceled": "fail", "revoked": "fail", "processing": "now"}


def of_kind(kind: str) -> str | Promise:
    """The words for a timeline entry; a kind without words shows its code."""
    return TIMELINE.get(kind, kind)
