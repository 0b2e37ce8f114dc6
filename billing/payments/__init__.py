"""Collecting money: begun by a tap, settled by the gateway's word, whoever brings it.

Webhook, return page and sweep end in ``settle``. What a payment asks for is versioned, and the gateway's object
carries the version it was charged for, so a phone that still held an older sum pays just what it showed.
"""

from billing.payments.asking import Opened, PaymentGone, cancel, open_at_gateway, refresh, take_over
from billing.payments.reconciling import reconcile
from billing.payments.settling import settle
from billing.payments.starting import (
    AmountChanged,
    BillsTaken,
    LinkEnded,
    NothingDue,
    PaymentInProgress,
    blocking,
    lock_link,
    lock_live_link,
    open_for_link,
    start,
)

__all__ = [
    "AmountChanged",
    "BillsTaken",
    "LinkEnded",
    "NothingDue",
    "Opened",
    "PaymentGone",
    "PaymentInProgress",
    "blocking",
    "cancel",
    "lock_link",
    "lock_live_link",
    "open_at_gateway",
    "open_for_link",
    "reconcile",
    "refresh",
    "settle",
    "start",
    "take_over",
]
