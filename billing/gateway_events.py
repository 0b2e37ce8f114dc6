"""What gateways tell us by webhook: kept first, answered fast, and only then looked into.

A webhook is a trigger (law 7): nothing in it is believed but that something happened to an object.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, F, OuterRef

from billing import gateways, payments, refunds
from billing.gateways.base import GatewayError, GatewayPayment, GatewayUnknown
from billing.lib.inserting import insert_new
from billing.lib.time_limit import within
from billing.models import GatewayEvent, Payment

log = structlog.get_logger(__name__)
Status = GatewayEvent.Status

# In the type of every event about money that goes back: Stripe's charge.refunded, charge.refund.updated, refund.*.
REFUND = "refund"
ATTEMPTS = 12
LEASE = timedelta(seconds=60)
FIRST_WAIT_SECONDS = 2
LONGEST_WAIT_SECONDS = 600
BATCH = 200
# With a gateway that keeps everybody waiting, a sweep ends before its worker's time is up; the next one goes on.
SECONDS = 30.0


def receive(*, gateway_code: str, account: str, body: bytes, headers: Mapping[str, str], now: datetime) -> int | None:
    """Verify a webhook and keep that it came; its row's id, or None when it came before.

    Raises InvalidSignature and ValueError (nothing is kept), KeyError for an account that isn't configured.
    """
    notice = gateways.get(gateway_code, account).read_webhook(body, headers)
    row = GatewayEvent(
        gateway=gateway_code,
        gateway_account=account,
        event_id=notice.event_id,
        type=notice.type,
        api_version=notice.api_version,
        object_reference=notice.object_reference,
        digest=hashlib.sha256(body).hexdigest(),
        happened_at=notice.happened_at,
        received_at=now,
        next_attempt_at=now,
    )
    inserted = insert_new([row], unique=("gateway", "gateway_account", "event_id"))
    return inserted[0] if inserted else None


def process(event_id: int, now: datetime) -> bool:
    """Fetch what an event is about and settle it; False when another worker has it or it is done."""
    if not _claim(event_id, now):
        return False
    event = GatewayEvent.objects.get(pk=event_id)
    try:
        note = _look_into(event, now)
    except GatewayUnknown as error:
        _postpone(event, type(error).__name__, now)
        return False
    except GatewayError as error:
        # Other keys than those the event was signed for, or an object that nobody has: a person must see it.
        _postpone(event, str(error), now)
        return False
    except Exception as error:
        # A poison event is tried again and parked in the end; the others go on.
        log.exception("gateway_event_failed", gateway_event=event.event_id)
        _postpone(event, type(error).__name__, now)
        return False
    return bool(
        GatewayEvent.objects.filter(pk=event.pk, status=Status.RECEIVED).update(
            status=Status.PROCESSED, processed_at=now, error=note[:200]
        )
    )


def process_waiting(now: datetime) -> int:
    """Process what was left lying; how many were done. Parked ones whose news came another way are done too."""
    _finish_overtaken(now)
    waiting = GatewayEvent.objects.filter(status=Status.RECEIVED, next_attempt_at__lte=now).order_by("next_attempt_at")
    keys = list(waiting.values_list("pk", flat=True)[:BATCH])
    return sum(process(key, now) for key in within(SECONDS, keys))


def _claim(event_id: int, now: datetime) -> bool:
    return bool(
        GatewayEvent.objects.filter(pk=event_id, status=Status.RECEIVED, next_attempt_at__lte=now).update(
            next_attempt_at=now + LEASE, attempts=F("attempts") + 1
        )
    )


def _postpone(event: GatewayEvent, error: str, now: datetime) -> None:
    wait = min(FIRST_WAIT_SECONDS * 2 ** (event.attempts - 1), LONGEST_WAIT_SECONDS)
    status = Status.PARKED if event.attempts >= ATTEMPTS else Status.RECEIVED
    if status == Status.PARKED:
        log.error("gateway_event_parked", gateway_event=event.event_id, error=error[:200])
    GatewayEvent.objects.filter(pk=event.pk, status=Status.RECEIVED).update(
        status=status, next_attempt_at=now + timedelta(seconds=wait), error=error[:200]
    )


def _finish_overtaken(now: datetime) -> None:
    """Take parked events off the list whose payment is settled: the sweep has brought what they had to say.

    Not those about refunds: that a payment succeeded says nothing of them.
    """
    settled = Payment.objects.filter(
        gateway=OuterRef("gateway"),
        gateway_account=OuterRef("gateway_account"),
        gateway_reference=OuterRef("object_reference"),
        status__in=[Payment.Status.SUCCEEDED, Payment.Status.CANCELED],
    )
    parked = GatewayEvent.objects.filter(Exists(settled), status=Status.PARKED)
    parked.exclude(type__contains=REFUND).update(status=Status.PROCESSED, processed_at=now)


def _look_into(event: GatewayEvent, now: datetime) -> str:
    """Settle the payment that the event is about; what to remember of it."""
    if not event.object_reference:
        return "not about a payment"
    known = Payment.objects.filter(
        gateway=event.gateway, gateway_account=event.gateway_account, gateway_reference=event.object_reference
    ).first()
    if known and known.status == Payment.Status.SUCCEEDED:
        if REFUND in event.type:
            refunds.refresh(known.pk, now)
        return ""
    truth = gateways.get(event.gateway, event.gateway_account).retrieve(event.object_reference)
    payment = known or _made_by_us(event, truth)
    if payment is None:
        return "not ours"
    payments.settle(payment.pk, truth, now)
    if REFUND in event.type:
        refunds.refresh(payment.pk, now)
    return ""


def _made_by_us(event: GatewayEvent, truth: GatewayPayment) -> Payment | None:
    """The payment of an object whose creating call was never answered: the object carries our reference."""
    return Payment.objects.filter(
        reference=truth.metadata.get("payment", ""),
        gateway=event.gateway,
        gateway_account=event.gateway_account,
        gateway_reference__isnull=True,
    ).first()
