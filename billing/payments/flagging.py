"""The work list: what a person has to look at, with the reason."""

from datetime import datetime

import structlog

from billing import audit
from billing.gateways.base import GatewayError
from billing.lib.transactions import whole
from billing.models import Payment
from billing.payments.starting import lock_payment

log = structlog.get_logger(__name__)

# The gateway won't say how a payment stands that may be at it: another account's keys, or an object that is gone.
GATEWAY_REFUSED = "gateway_refused"


def flag(payment: Payment, reason: str, now: datetime) -> bool:
    """Put a payment on a person's work list; False when it was there already: the first reason stays."""
    changed = Payment.objects.filter(pk=payment.pk, needs_person="").update(needs_person=reason)
    if changed:
        payment.needs_person = reason
        _record(payment, "flag-payment", reason, now)
    return bool(changed)


def unflag(payment: Payment, reason: str, now: datetime) -> bool:
    """Take a payment, whose row is locked, off the work list if this is why it is on it: the cause is gone."""
    if payment.needs_person != reason:
        return False
    changed = Payment.objects.filter(pk=payment.pk, needs_person=reason).update(needs_person="")
    if changed:
        payment.needs_person = ""
        _record(payment, "unflag-payment", reason, now)
    return bool(changed)


@whole
def flag_refused(payment_id: int, error: GatewayError, now: datetime) -> bool:
    """The gateway won't say how a payment stands: a person must see to it, since its bills stay reserved until then.

    Not for one that the gateway never had: a creating call that was refused holds nothing, and the sweep lets it go.
    """
    payment = lock_payment(payment_id)
    if payment.status not in Payment.OPEN or not (payment.gateway_reference or payment.requested_at):
        return False
    has_begun = flag(payment, GATEWAY_REFUSED, now)
    if has_begun:
        log.error("payment_needs_person", payment=payment.reference, reason=GATEWAY_REFUSED, error=str(error)[:80])
    return has_begun


def _record(payment: Payment, verb: str, reason: str, now: datetime) -> None:
    audit.record(
        actor="system:payments",
        verb=verb,
        subject_reference=f"payment:{payment.reference}",
        reason=reason,
        now=now,
        operator=payment.operator,
    )
