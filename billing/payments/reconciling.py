"""The sweep over payments: what a webhook or a browser failed to bring is fetched, what was left is canceled."""

from datetime import datetime, timedelta

import structlog
from django.db.models import F, Q, QuerySet

from billing.gateways.base import GatewayError, GatewayUnknown
from billing.lib.time_limit import within
from billing.models import Payment
from billing.payments.asking import cancel, refresh
from billing.payments.flagging import GATEWAY_REFUSED, flag_refused

log = structlog.get_logger(__name__)
Status = Payment.Status

ABANDONED_AFTER = timedelta(minutes=30)
RECENT = timedelta(hours=1)
RARELY = timedelta(minutes=10)
# Shorter than the minute at which a page that was left open asks: it must not keep the bills from being let go.
LEFT = timedelta(seconds=30)
BATCH = 200
# With a gateway that keeps everybody waiting, a sweep ends before its worker's time is up; the next one goes on.
SECONDS = 30.0


def reconcile(now: datetime, *, every: timedelta = timedelta(seconds=15)) -> int:
    """Ask the gateway about every open payment that is due to be asked about; how many were asked about.

    What was touched within the last hour is due each ``every``, the rest and what the gateway refused to speak of
    every ten minutes. What was created or failed and untouched for 30 minutes is canceled at the gateway, and released
    on its answer (law 8). Raises nothing for a single payment.
    """
    asked = 0
    for payment in within(SECONDS, _due(now, every)[:BATCH]):
        if _claim(payment, now):
            asked += 1
            _look_after(payment, now)
    return asked


def _due(now: datetime, every: timedelta) -> QuerySet[Payment]:
    recent = Q(touched_at__gt=now - RECENT)
    left = Q(status__in=[Status.CREATED, Status.FAILED], touched_at__lte=now - ABANDONED_AFTER)
    return (
        Payment.objects.filter(status__in=Payment.OPEN)
        .filter(
            Q(checked_at__isnull=True, touched_at__lte=now - min(every, timedelta(seconds=2)))
            | recent & Q(checked_at__lte=now - every)
            | ~recent & Q(checked_at__lte=now - RARELY)
            | left & Q(checked_at__lte=now - LEFT)
        )
        # The gateway said no: it is on a person's list, and asking every few seconds would not mend it.
        .exclude(needs_person=GATEWAY_REFUSED, checked_at__gt=now - RARELY)
        # Who was not asked about for longest: when there are more than can be asked in time, none waits for ever.
        .order_by(F("checked_at").asc(nulls_first=True), "touched_at")
    )


def _claim(payment: Payment, now: datetime) -> bool:
    """Two sweeps at once ask once; and who tapped again since the row was read isn't canceled."""
    seen = Payment.objects.filter(pk=payment.pk, checked_at=payment.checked_at, touched_at=payment.touched_at)
    return bool(seen.update(checked_at=now))


def _look_after(payment: Payment, now: datetime) -> None:
    is_left = payment.status in (Status.CREATED, Status.FAILED) and payment.touched_at <= now - ABANDONED_AFTER
    try:
        if is_left:
            cancel(payment.pk, now)
        else:
            refresh(payment.pk, now)
    except (GatewayUnknown, GatewayError) as error:
        log.warning("payment_not_canceled", payment=payment.reference, error=type(error).__name__)
        if isinstance(error, GatewayError):
            flag_refused(payment.pk, error, now)
    except Exception:
        # One that fails in an unforeseen way must not stop those after it.
        log.exception("payment_not_looked_after", payment=payment.reference)
