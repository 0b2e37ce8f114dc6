"""What the error codes of Meta's WhatsApp Cloud API mean for a message.

https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes. Meta says to go by the code, not by the
HTTP status, which is 400 for most.
"""

from typing import Literal

from payportal.messaging.channels import http
from payportal.messaging.channels.base import BadKeys, NoCredit, NotSent, Refused, SendUnknown

# Not on WhatsApp, or on a version of it that can't have accepted the terms: "message undeliverable".
UNREACHABLE = {131026}
# "User has stopped marketing messages", or is in our block list.
OPTED_OUT = {131050}
# Keys, permissions, an account that is locked or restricted, a number that is not registered or was taken away.
BAD_KEYS = {3, 10, 33, 190, 368, *range(200, 300), 131005, 131031, 131037, 131045, 130497, 133010}
NO_CREDIT = {131042}
# Limits of app, account, number and pair of numbers; an account that is being moved.
TOO_MANY = {4, 80007, 130429, 131048, 131056, 131057, 133016}
# "Something went wrong", "service unavailable", "API service": nobody says whether it was taken.
UNKNOWN = {1, 2, 131000, 131016}


def failure(answer: http.Answer) -> NotSent | Refused | SendUnknown:
    """What an answer that is not good means."""
    found = answer.fields().get("error")
    code = number(found.get("code")) if isinstance(found, dict) else 0
    text = f"WhatsApp {code}"
    if answer.status >= 500 or not code:
        return http.failure(answer)
    if code in UNKNOWN:
        return SendUnknown(text)
    if code in NO_CREDIT:
        return NoCredit(text)
    if code in TOO_MANY or answer.status == 429:
        return NotSent(text, retry_after=answer.retry_after())
    if code in BAD_KEYS or answer.status in (401, 403):
        return BadKeys(text)
    return Refused(text, mark=mark(code))


def mark(code: int) -> Literal["", "unreachable", "opted_out"]:
    """What is to be kept of a number that a code was about."""
    if code in OPTED_OUT:
        return "opted_out"
    return "unreachable" if code in UNREACHABLE else ""


def number(value: object) -> int:
    """A code from JSON, a number or one in text; 0: there is none."""
    text = str(value if value is not None else "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
