"""What billing tells the floors above, in the transaction of the fact, and how subscribers are kept from harming it.

Subscribers only write rows. Each runs in its own savepoint with a short lock time-out; one that fails is logged and
leaves the money as it was. Deferred constraints fire only at COMMIT, outside any savepoint, so they are forced here:
first for the money itself, then inside each subscriber's savepoint (law 2 of the architecture).
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import OperationalError, connection, transaction

from billing.lib.transactions import RETRYABLE, sqlstate

log = structlog.get_logger(__name__)

LOCK_TIMEOUT = "2s"
# One message to the server, for this is done several times in every transaction.
FORCE_CONSTRAINTS = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"

Handler = Callable[[Any], None]
_handlers: dict[type, list[Handler]] = defaultdict(list)


@dataclass(frozen=True, slots=True)
class PaymentSucceeded:
    """Money came and was booked; ``amount`` in minor units as received."""

    payment_id: int
    amount: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class InvoicePaid:
    """An invoice is paid in full."""

    invoice_id: int
    payment_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceVoided:
    """A draft will not be paid any more."""

    invoice_id: int
    at: datetime


def subscribe(event_type: type, handler: Handler) -> None:
    """Call ``handler`` with every such event; subscribing twice changes nothing."""
    if handler not in _handlers[event_type]:
        _handlers[event_type].append(handler)


def unsubscribe(event_type: type, handler: Handler) -> None:
    """Take a handler back."""
    if handler in _handlers[event_type]:
        _handlers[event_type].remove(handler)


def publish(event: object) -> None:
    """Tell every subscriber, inside the open transaction. Raises only what must repeat the whole transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("events are told inside the transaction of their fact")
    with connection.cursor() as cursor:
        # The money's own constraints speak before anybody else: what they refuse is no subscriber's fault.
        cursor.execute(FORCE_CONSTRAINTS)
    for handler in _handlers[type(event)]:
        _tell(handler, event)


def _tell(handler: Handler, event: object) -> None:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT]
                )
                before = cursor.fetchone()[0]
            handler(event)
            with connection.cursor() as cursor:
                # SET LOCAL outlives a RELEASE: set back by hand. A rollback of the savepoint does so itself.
                cursor.execute(f"{FORCE_CONSTRAINTS}; SELECT set_config('lock_timeout', %s, true)", [before])
    except OperationalError as error:
        if sqlstate(error) in RETRYABLE:
            # It has undone more than the subscriber saw: the whole transaction must be repeated.
            raise
        _log_failure(handler, event)
    except Exception:
        _log_failure(handler, event)


def _log_failure(handler: Handler, event: object) -> None:
    log.exception(
        "subscriber_failed", handler=f"{handler.__module__}.{handler.__qualname__}", told=type(event).__name__
    )
