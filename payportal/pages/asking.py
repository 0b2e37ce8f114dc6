"""Asking the gateway from a page: so that a webhook that never comes makes nobody wait."""

from datetime import datetime, timedelta

from django.db.models import F, Q

from billing import payments
from billing.models import Payment

# How long after the last sign of life a payment is asked for how often; a bank debit takes days and is not hurried.
_EVERY = (
    (timedelta(minutes=1), timedelta(seconds=2)),
    (timedelta(minutes=10), timedelta(seconds=10)),
    (timedelta.max, timedelta(minutes=1)),
)


def is_due(payment: Payment, now: datetime) -> bool:
    """Whether the gateway should be asked again. Needs no query."""
    if payment.status not in Payment.OPEN:
        return False
    if payment.checked_at is None or payment.checked_at < payment.touched_at:
        # Something happened since: the customer tapped, and the answer may be there.
        return True
    return now - payment.checked_at >= _pause(payment, now)


def ask(payment: Payment, now: datetime) -> bool:
    """Ask how an open payment stands and settle what the gateway says; False when it was asked a moment ago.

    Whoever moves ``checked_at`` asks: a page open on ten phones asks no more often than on one.
    """
    if not is_due(payment, now):
        return False
    latest = Q(checked_at__lte=now - _pause(payment, now)) | Q(checked_at__lt=F("touched_at"))
    claimed = Payment.objects.filter(
        latest | Q(checked_at__isnull=True), pk=payment.pk, status__in=Payment.OPEN
    ).update(checked_at=now)
    if claimed:
        payments.refresh(payment.pk, now)
    return bool(claimed)


def _pause(payment: Payment, now: datetime) -> timedelta:
    age = now - payment.touched_at
    return next(pause for until, pause in _EVERY if age < until)
