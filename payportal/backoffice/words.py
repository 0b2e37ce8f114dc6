"""The words for what happened on a link and to a payment: the timeline holds codes only."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TIMELINE: dict[str, str | Promise] = {
    "made": _("Link made"),
    "sent": _("Link sent"),
    "opened": _("Opened"),
    "pay_tapped": _("Pay tapped"),
    "created": _("Ready to be paid again"),
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
    # Not on the timeline: what becomes of a message before it is sent, or instead.
    "sending": _("The message is being sent"),
    "resending": _("The message has not gone out yet. It is tried again by itself"),
    "not_sent": _("The message could not be sent"),
}
# How the marker of a timeline entry looks; everything else is simply done.
MARKERS = {
    "failed": "fail",
    "delayed": "fail",
    "canceled": "fail",
    "revoked": "fail",
    "processing": "now",
    "sending": "now",
    "resending": "now",
    "not_sent": "fail",
}

# What an agent may say to a customer who is on the phone just then.
SAY: dict[str, Promise] = {
    "not_sent": _("My message did not go out. Let me send it again, or read me the number that you would like it on."),
    "sent": _("I’ve sent you a link. Open it, and pay there. I’ll stay on the line."),
    "opened": _("You see the sum at the top. At the bottom you choose how to pay."),
    "pay_tapped": _("It is asking your bank now. Say yes there if it asks you."),
    "processing": _("Your bank is working on it. You can close the page, you don’t have to do anything."),
    "failed": _("Your bank said no. Nothing was taken. Try another way to pay, I’ll stay on the line."),
    "canceled": _("Nothing was taken. You can pay with the same link when you like."),
    "succeeded": _("It is paid. Thank you! What you bought or had paused is switching on now."),
    "order_started": _("It is paid. Thank you! What you bought or had paused is switching on now."),
    "switched_on": _("It is paid, and it is on."),
    "delayed": _("It is paid. Switching on takes longer than usual, we are on it, and you don’t have to call."),
}


def of_kind(kind: str) -> str | Promise:
    """The words for a timeline entry; a kind without words shows its code."""
    return TIMELINE.get(kind, kind)
