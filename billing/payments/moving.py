"""The one way into each state of a payment (law 4)."""

from datetime import datetime

from billing import links
from billing.models import Payment


class MoveNotAllowed(Exception):
    """Whoever moved a payment had not asked whether it may move: a mistake of ours, and nothing was written."""


def move(payment: Payment, target: Payment.Status, now: datetime, **fields: object) -> None:
    """The one place where a payment's status changes; the caller holds its row's lock.

    Raises MoveNotAllowed for what ``Payment.ALLOWED_FROM`` doesn't name.
    """
    if payment.status not in Payment.ALLOWED_FROM[target]:
        raise MoveNotAllowed(f"{payment.status} -> {target}")
    payment.status = target
    payment.touched_at = now
    for name, value in fields.items():
        setattr(payment, name, value)
    payment.save(update_fields=["status", "touched_at", *fields])
    failure = payment.failure_code if target == Payment.Status.FAILED else ""
    links.note(payment.link, target.value, now, payment, detail=failure)
