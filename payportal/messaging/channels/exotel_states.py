"""What Exotel's words, numbers and states mean for a message.

SMS: https://developer.exotel.com/docs/sms-api/api-reference/status-codes and docs/sms-support/sms-status-codes.
WhatsApp: /api/error-code, docs/whatsapp-api/api-reference/status-codes and docs/whatsapp-support/webhooks. Pages on one
subject name different numbers, and words that no page names are received: only what stands here is a failure, for a
failure may have the message sent by another channel.
"""

from typing import Literal

from payportal.messaging.channels import whatsapp_errors

State = Literal["accepted", "delivered", "read", "undelivered"]
Mark = Literal["", "unreachable", "opted_out"]

SMS: dict[str, State] = {
    "queued": "accepted",
    "sending": "accepted",
    "submitted": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "failed": "undelivered",
    "failed_dnd": "undelivered",
    "expired": "undelivered",
    "undelivered": "undelivered",
}
WORDS: dict[str, State] = {
    "EX_MESSAGE_SENT": "accepted",
    "EX_MESSAGE_DELIVERED": "delivered",
    "EX_MESSAGE_SEEN": "read",
    **dict.fromkeys(("EX_SYSTEM_ERROR", "EX_NUMBER_ERROR", "EX_SETUP_ERROR", "EX_UNKNOWN_ERROR"), "undelivered"),
    **dict.fromkeys(("EX_RATE_LIMIT_HIT", "EX_SPAM_RATE_LIMIT_HIT", "EX_TOO_MANY_REQUEST"), "undelivered"),
    **dict.fromkeys(("EX_INVALID_RECIPIENT", "EX_INCAPABLE_RECIPIENT", "EX_RECIPIENT_BLOCKED"), "undelivered"),
    **dict.fromkeys(("EX_INVALID_REQUEST", "EX_UNSUPPORTED_MESSAGE", "EX_REENGAGEMENT_ERROR"), "undelivered"),
    **dict.fromkeys(("EX_MEDIA_DOWNLOAD_ERROR", "EX_MEDIA_UPLOAD_ERROR", "EX_WEBHOOK_ERROR"), "undelivered"),
    **dict.fromkeys(("EX_INVALID_PARAM", "EX_MISSING_PARAM", "EX_INVALID_PARAM_VALUE"), "undelivered"),
    **dict.fromkeys(("EX_TEMPLATE_ERROR", "EX_TEMPLATE_PARAM_ERROR", "EX_TEMPLATE_NOT_FOUND"), "undelivered"),
    **dict.fromkeys(("EX_TEMPLATE_TEXT_TOO_LONG", "EX_INVALID_TEMPLATE_NAMESPACE"), "undelivered"),
    **dict.fromkeys(("EX_MESSAGE_PENDING_TOO_LONG", "EX_MESSAGE_EXPIRED", "EX_MESSAGE_TOO_LONG"), "undelivered"),
    **dict.fromkeys(("EX_SECTION_COUNT_ERROR", "EX_ROWS_COUNT_ERROR", "EX_PRODUCT_COUNT_ERROR"), "undelivered"),
    **dict.fromkeys(("EX_CATALOGUE_NOT_FOUND", "EX_CATALOGUE_NOT_LINKED", "EX_MISSING_PRODUCT"), "undelivered"),
    **dict.fromkeys(("EX_PRODUCT_NOT_FOUND", "EX_PRODUCT_COMPLIANCE_ERROR", "EX_INVALID_HEADER"), "undelivered"),
    **dict.fromkeys(("EX_MISSING_COMPLIANCE", "EX_CHAR_POLICY_VIOLATION"), "undelivered"),
}
# Which failure a number is differs from page to page; that it is one does not. 30049 and 30050 are about payments.
NUMBERS: dict[str, State] = {
    "30001": "accepted",
    "30002": "delivered",
    "30003": "read",
    **dict.fromkeys(map(str, range(30004, 30042)), "undelivered"),
}
STATUSES: dict[str, State] = {
    "accepted": "accepted",
    "queued": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "read",
    "failed": "undelivered",
}
BEST: tuple[State, ...] = ("read", "delivered", "accepted")
MARKS: dict[str, Mark] = {
    "FAILED_INVALID_NUMBER": "unreachable",
    "FAILED_INVALID_DESTINATION_NUMBER": "unreachable",
    "FAILED_SUBSCRIBER_UNKNOWN": "unreachable",
    # The national do-not-disturb register: nothing of ours will ever arrive there.
    "FAILED_DND": "unreachable",
    "FAILED_REJECTED_DND": "unreachable",
    "FAILED_BLACKLISTED": "opted_out",
    "FAILED_REJECTED_BLACKLIST": "opted_out",
    "EX_INVALID_RECIPIENT": "unreachable",
    "EX_INCAPABLE_RECIPIENT": "unreachable",
    # The one number of which both pages say that nobody is there.
    "30013": "unreachable",
}


def of_sms(status: str, detail: str) -> State | None:
    """What became of an SMS; None: nothing that we know. Two pages spell ``failed_dnd`` with a hyphen."""
    if detail.upper() == "DELIVERED_TO_HANDSET":
        return "delivered"
    return SMS.get(status.lower().replace("-", "_"))


def of_whatsapp(word: str, number: str, status: str) -> State | None:
    """What became of a WhatsApp message, by whatever a report holds; None: nothing that we know.

    Any part may say that it is under way or there. It failed only where no part is unknown or says otherwise.
    """
    told = [
        table.get(text)
        for table, text in ((WORDS, word.upper()), (NUMBERS, number), (STATUSES, status.lower()))
        if text
    ]
    for state in BEST:
        if state in told:
            return state
    return "undelivered" if told and None not in told else None


def mark(*codes: str) -> Mark:
    """What is to be kept of a number: by the first of these words and numbers that says so, Meta's among them."""
    for code in codes:
        found = MARKS.get(code.upper()) or whatsapp_errors.mark(whatsapp_errors.number(code))
        if found:
            return found
    return ""
