"""Receipts are for good: a token of the payment's random reference and a code under numbered keys of their own.

One key is added when they rotate and none is ever taken away; the token names the key's number (one byte).
"""

import hmac

from django.conf import settings
from django.utils.crypto import constant_time_compare

from billing.lib import references
from billing.links import LinkUnusable, origin
from billing.models import Operator, Payment


def token(payment: Payment) -> str:
    """Shows this payment, not the account. 45 characters; a secret like a link's address."""
    number = max(settings.RECEIPT_KEYS)
    return payment.reference + references.encode(bytes([number]) + _mac(number, payment.operator, payment.reference))


def url(payment: Payment) -> str:
    """The receipt's whole address."""
    return f"{origin(payment.operator)}/r/{token(payment)}"


def resolve(operator: Operator, token: str) -> Payment:
    """The payment of a receipt. Raises LinkUnusable, before any query where the token is not ours."""
    reference, rest = token[:22], token[22:]
    try:
        raw = references.decode(rest)
    except ValueError:
        raw = b""
    number = raw[0] if raw and raw[0] in settings.RECEIPT_KEYS else max(settings.RECEIPT_KEYS)
    if not constant_time_compare(raw, bytes([number]) + _mac(number, operator, reference)):
        raise LinkUnusable
    payment = Payment.objects.filter(
        operator_id=operator.pk, reference=reference, status=Payment.Status.SUCCEEDED
    ).first()
    if payment is None:
        raise LinkUnusable
    payment.operator = operator
    return payment


def _mac(number: int, operator: Operator, reference: str) -> bytes:
    message = b"receipt\0" + operator.code.encode() + b"\0" + reference.encode("utf-8", "surrogatepass")
    return hmac.digest(settings.RECEIPT_KEYS[number], message, "sha256")[:16]
