"""What Twilio's error codes mean for a message (https://www.twilio.com/docs/api/errors)."""

from collections.abc import Mapping
from typing import Any, Literal

from payportal.messaging.channels import http
from payportal.messaging.channels.base import BadKeys, NoCredit, NotSent, Refused, SendUnknown

# No such number, a landline, unknown to its network, not on WhatsApp. A phone that was merely off (30003) is not one.
UNREACHABLE = {21211, 21214, 21217, 21265, 21614, 21635, 30005, 30006, 63003, 63024}
# Answered STOP, or blocked the sender on WhatsApp.
OPTED_OUT = {21610, 63014}
# Keys refused, account closed or suspended, the sender not ours or not enabled: every message will fare like this.
BAD_KEYS = {20003, 20005, 20006, 20008, 20403, 20404, 21212, 21603, 21606, 21608, 21659, 21660, 21703, 30002, 63007}
# "Requests that receive 429 responses aren't processed and are safe to retry"; a sender's full queue; its daily limit.
TOO_MANY = {14107, 20429, 21611, 63018, 63038}


def failure(answer: http.Answer, fields: Mapping[str, Any]) -> NotSent | Refused | SendUnknown:
    """What an answer that is not good means. The code says more than the status, but of a 5xx nobody knows anything."""
    code = number(fields.get("code"))
    if answer.status >= 500 or not code:
        return http.failure(answer)
    text = f"Twilio {code}"
    if answer.status == 429 or code in TOO_MANY:
        return NotSent(text, retry_after=answer.retry_after())
    if answer.status == 402:
        return NoCredit(text)
    if answer.status in (401, 403) or code in BAD_KEYS:
        return BadKeys(text)
    return refusal(code)


def refusal(code: int) -> Refused:
    """A message that Twilio will never send."""
    return Refused(f"Twilio {code}", mark=mark(code))


def mark(code: int) -> Literal["", "unreachable", "opted_out"]:
    """What is to be kept of a number that a code was about."""
    if code in OPTED_OUT:
        return "opted_out"
    return "unreachable" if code in UNREACHABLE else ""


def number(value: object) -> int:
    """A code from JSON or a form; 0: there is none."""
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
