"""The words for what happened on a link and to a payment: the timeline holds codes only."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from payportal.messaging.occasions import OCCASIONS

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
    "previewed": _("A robot looked. Nothing was opened"),
    "in_app": _("Opened inside an app, where wallets are missing"),
    "delivered": _("Delivered"),
    "read": _("Read"),
    "undelivered": _("Could not be delivered"),
    "fallback": _("Tried on the second channel"),
    "withheld": _("Not sent after all"),
    "reminder_sent": _("Reminder sent"),
    "opted_out": _("Wants no more messages"),
    "renewed": _("A new link took its place"),
    "renewal": _("Made in place of one that had ended"),
    "pin_asked": _("PIN asked for"),
    "pin_ok": _("Showed that it’s them"),
    "pin_wrong": _("A wrong PIN"),
    "pin_locked": _("Too many wrong PINs: locked for a while"),
    "code_sent": _("A one-time code was asked for"),
    "wallet_shown": _("A wallet can be used"),
    "refunded": _("Money was refunded"),
    "refund_failed": _("The refund did not reach the payer"),
    # Not on the timeline: what becomes of a message before it is sent, or instead.
    "sending": _("The message is being sent"),
    "resending": _("The message has not gone out yet. It is tried again by itself"),
    "not_sent": _("The message could not be sent"),
}
# How the marker of a timeline entry looks; everything else is simply done.
MARKERS = {
    "undelivered": "fail",
    "refund_failed": "fail",
    "withheld": "fail",
    "opted_out": "fail",
    "renewed": "fail",
    "pin_wrong": "fail",
    "pin_locked": "fail",
    "pin_asked": "now",
    "in_app": "now",
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
    "delivered": _("The message is on your phone now. Open the link in it."),
    "read": _("You have the message open. Tap the link in it."),
    "undelivered": _("My message did not arrive. Can you read me the number you would like it on?"),
    "withheld": _("I may not send there. I can show you the link another way."),
    "opted_out": _("You have asked us not to write there. Write START to hear from us again."),
    "in_app": _("You opened it inside an app. Choose “Open in your browser”, then you can pay with one tap."),
    "pin_asked": _("It asks for your PIN. Don’t tell it to me. You can also have a code sent."),
    "pin_wrong": _("That wasn’t the PIN. Try again, or have a code sent. Don’t tell it to me."),
    "pin_locked": _("It is locked for a while. I can make you a new link."),
    "code_sent": _("A code is on its way to you. Type it there. Don’t tell it to me."),
    "wallet_shown": _("You see the sum at the top. At the bottom you choose how to pay."),
    "opened": _("You see the sum at the top. At the bottom you choose how to pay."),
    "pay_tapped": _("It is asking your bank now. Say yes there if it asks you."),
    "processing": _("Your bank is working on it. You can close the page, you don’t have to do anything."),
    "failed": _("Your bank said no. Nothing was taken. Try another way to pay, I’ll stay on the line."),
    "canceled": _("Nothing was taken. You can pay with the same link when you like."),
    "succeeded": _("It is paid. Thank you! What you bought or had paused is switching on now."),
    "order_started": _("It is paid. Thank you! What you bought or had paused is switching on now."),
    "switched_on": _("It is paid, and it is on."),
    "refunded": _("It is on its way back the way you paid. That can take your bank ten working days."),
    "refund_failed": _("The refund came back to us. I’ll have it sent to you another way."),
    "delayed": _("It is paid. Switching on takes longer than usual, we are on it, and you don’t have to call."),
}


def of_kind(kind: str) -> str | Promise:
    """The words for a timeline entry; a kind without words shows its code."""
    return TIMELINE.get(kind, kind)


DEVICES: dict[str, Promise] = {
    "phone": _("on a phone"),
    "tablet": _("on a tablet"),
    "computer": _("on a computer"),
    "tv": _("on a TV"),
}
CHANNELS: dict[str, str | Promise] = {
    "twilio_sms": "SMS, Twilio",
    "exotel_sms": "SMS, Exotel",
    "twilio_whatsapp": "WhatsApp, Twilio",
    "exotel_whatsapp": "WhatsApp, Exotel",
    "whatsapp_cloud": "WhatsApp, Meta",
    "email": _("E-mail"),
    "outbox": _("the demo’s phone"),
    "sms": "SMS",
    "whatsapp": "WhatsApp",
}
WALLETS = {"apple_pay": "Apple Pay", "google_pay": "Google Pay", "link": "Link"}
# Why something was not said, or a payment failed: codes that a person should not have to know.
REASONS: dict[str, Promise] = {
    "opted_out": _("they want no more messages there"),
    "unreachable": _("that number can’t be reached there"),
    "no_consent": _("they have not agreed to offers"),
    "capped": _("they have heard enough from us these days"),
    "paid": _("it was paid meanwhile"),
    "paying": _("they are paying just now"),
    "too_late": _("it came too late to be of use"),
    "link_ended": _("the link has ended"),
    "card_declined": _("the bank said no"),
    "generic_decline": _("the bank said no"),
    "insufficient_funds": _("there is not enough money on the card"),
    "expired_card": _("the card has expired"),
    "incorrect_cvc": _("the security code was wrong"),
    "authentication_required": _("the bank did not get the customer’s yes"),
    "payment_intent_authentication_failure": _("the bank did not get the customer’s yes"),
    "lost_card": _("the bank said no"),
    "stolen_card": _("the bank said no"),
    "processing_error": _("the bank’s system failed"),
}


def of_detail(kind: str, detail: str) -> str | Promise:
    """The words for what a timeline entry adds; a code without words is shown as it is."""
    if kind in ("delivered", "read", "undelivered"):
        return OCCASIONS[detail].title if detail in OCCASIONS else detail
    if kind == "wallet_shown":
        return ", ".join(WALLETS.get(code, code) for code in detail.split())
    for known in (DEVICES, CHANNELS, REASONS):
        if detail in known:
            return known[detail]
    return detail if detail != "robot" else ""
