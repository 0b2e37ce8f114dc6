"""What billing tells the floors above, in the transaction of the fact, and how subscribers are kept from harming it.

Subscribers only write rows. Each runs in its own savepoint with a short lock time-out; one that fails is logged and
leaves the money as it was. Deferred constraints fire only at COMMIT, outside any savepoint, so they are forced here:
first for the money itself, then inside each subscriber's savepoint (law 2 of the architecture).

Events of one kind that came about together are told together: one savepoint a subscriber for all of them, and one for
each event should that fail, so that what is wrong with one of them takes nothing from the others.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
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
ListHandler = Callable[[Sequence[Any]], None]
_handlers: dict[type, list[Handler]] = defaultdict(list)
_list_handlers: dict[type, list[ListHandler]] = defaultdict(list)


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


def subscribe_list(event_type: type, handler: ListHandler) -> None:
    """Call ``handler`` with all events of the kind that came about together; it may be called again with each alone."""
    if handler not in _list_handlers[event_type]:
        _list_handlers[event_type].append(handler)


def unsubscribe(event_type: type, handler: Handler | ListHandler) -> None:
    """Take a handler back, of either kind."""
    for handlers in (_handlers[event_type], _list_handlers[event_type]):
        if handler in handlers:
            handlers.remove(handler)


def publish(event: object) -> None:
    """Tell every subscriber, inside the open transaction. Raises only what must repeat the whole transaction."""
    publish_all([event])


def publish_all(told: Sequence[object]) -> None:
    """Tell every subscriber of events of one kind, as ``publish`` does; nothing to tell costs nothing."""
    if not connection.in_atomic_block:
        raise RuntimeError("events are told inside the transaction of their fact")
    if not told:
        return
    [kind] = {type(event) for event in told}
    with connection.cursor() as cursor:
        # The money's own constraints speak before anybody else: what they refuse is no subscriber's fault.
        cursor.execute(FORCE_CONSTRAINTS)
    for handler in _handlers[kind]:
        _tell(_one_by_one(handler), told)
    for list_handler in _list_handlers[kind]:
        _tell(list_handler, told)


def _one_by_one(handler: Handler) -> ListHandler:
    @functools.wraps(handler)
    def tell(told: Sequence[Any]) -> None:
        for event in told:
            handler(event)

    return tell


def _tell(handler: ListHandler, told: Sequence[object]) -> None:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT]
                )
                before = cursor.fetchone()[0]
            handler(told)
            with connection.cursor() as cursor:
                # SET LOCAL outlives a RELEASE: set back by hand. A rollback of the savepoint does so itself.
                cursor.execute(f"{FORCE_CONSTRAINTS}; SELECT set_config('lock_timeout', %s, true)", [before])
    except Exception as error:
        if isinstance(error, OperationalError) and sqlstate(error) in RETRYABLE:
            # It has undone more than the subscriber saw: the whole transaction must be repeated.
            raise
        _failed(handler, told)


def _failed(handler: ListHandler, told: Sequence[object]) -> None:
    """One event is given up, several are told again one by one."""
    if len(told) > 1:
        for event in told:
            _tell(handler, [event])
        return
    name = f"{handler.__module__}.{getattr(handler, '__qualname__', repr(handler))}"
    log.exception("subscriber_failed", handler=name, told=type(told[0]).__name__)
