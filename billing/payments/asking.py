"""Talking to the gateway about a payment: outside every transaction, after its row, before its answer is stored."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from billing import audit, gateways, links
from billing.gateways.base import Gateway, GatewayConflict, GatewayError, GatewayPayment, GatewayUnknown, PaymentRequest
from billing.lib.transactions import whole
from billing.models import Payment
from billing.payments.flagging import flag_refused
from billing.payments.moving import move
from billing.payments.releasing import release_all, release_leftovers
from billing.payments.settling import settle
from billing.payments.starting import PaymentInProgress, lock_link, lock_payment

log = structlog.get_logger(__name__)
Status = Payment.Status

# Stripe forgets an idempotency key after 24 hours: later the same POST would make a second object.
REPEATABLE_FOR = timedelta(hours=23)
# A call that was made this long ago and still has no answer is looked for, and at last made anew.
LOOK_AFTER = timedelta(seconds=5)
ASK_ANEW_AFTER = timedelta(minutes=2)
# Two phones that tick differently at once make each other repeat the update; more rounds than this are an attack.
UPDATE_ROUNDS = 5


class PaymentGone(Exception):
    """The payment can't be paid any more: succeeded or canceled meanwhile, and settled so."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.reference)
        self.payment = payment


@dataclass(frozen=True, slots=True)
class Opened:
    """A payment that the payer's browser can confirm; the secret is for that browser alone."""

    payment: Payment
    client_secret: str = field(repr=False)


def open_at_gateway(payment_id: int, now: datetime) -> Opened:
    """Make the gateway's object, or bring it up to date with what is asked for now.

    Raises GatewayUnknown when no answer came (the same call may be made again: it finds the same object),
    PaymentInProgress when it is with the bank, PaymentGone when it was settled meanwhile, GatewayError when refused.
    """
    payment = _load(payment_id)
    gateway = gateways.of(payment)
    truth = _object_of(payment, gateway, now)
    for _ in range(UPDATE_ROUNDS):
        payment = _load(payment_id)
        if truth.status not in (Status.CREATED, Status.FAILED):
            settle(payment.pk, truth, now)
            payment = _load(payment_id)
            raise PaymentInProgress(payment) if payment.status == Status.PROCESSING else PaymentGone(payment)
        if _confirm_version(payment.pk, truth, now):
            return Opened(payment=_load(payment_id), client_secret=truth.client_secret)
        try:
            truth = gateway.update(truth.reference, _request(payment))
        except GatewayConflict:
            truth = gateway.retrieve(truth.reference)
    raise GatewayUnknown("the sum keeps changing")


def refresh(payment_id: int, now: datetime) -> Payment:
    """Ask the gateway how it stands and settle what it says; no answer changes nothing, a refusal calls a person.

    What the gateway was never asked for it can't know, and nobody has a secret by which that could be paid. Where an
    update that came late has put an older sum there, the newest is put back.
    """
    payment = _load(payment_id)
    is_asked_for = payment.gateway_reference or payment.requested_at
    if payment.status not in Payment.OPEN or not is_asked_for:
        return payment
    try:
        truth = _object_of(payment, gateways.of(payment), now)
        settle(payment.pk, truth, now)
        if _is_overtaken(payment.pk, truth):
            open_at_gateway(payment.pk, now)
    except (GatewayUnknown, GatewayError, PaymentGone, PaymentInProgress) as error:
        log.warning("gateway_not_asked", payment=payment.reference, error=type(error).__name__)
        if isinstance(error, GatewayError):
            flag_refused(payment.pk, error, now)
    return _load(payment_id)


def cancel(payment_id: int, now: datetime) -> bool:
    """Have the gateway make the payment unpayable; True when it says so, and only then is anything released.

    Too late is settled as what it is. Raises GatewayUnknown when no answer came: then everything stays reserved.
    """
    payment = _load(payment_id)
    if payment.status == Status.CANCELED:
        return True
    if payment.status == Status.SUCCEEDED:
        return False
    gateway = gateways.of(payment)
    try:
        if payment.gateway_reference is None and not _was_made(payment, gateway, now):
            return _forget(payment.pk, payment.requested_at, now)
    except PaymentGone as gone:
        return gone.payment.status == Status.CANCELED
    payment = _load(payment_id)
    if payment.gateway_reference is None:
        raise GatewayUnknown("the gateway's object is not known yet")
    settle(payment.pk, gateway.cancel(payment.gateway_reference), now)
    return Payment.objects.filter(pk=payment.pk, status=Status.CANCELED).exists()


def take_over(payment_id: int, *, actor: str, now: datetime) -> bool:
    """Let another payer have the bills: only once the gateway has confirmed the cancel of the first payment."""
    payment = _load(payment_id)
    if payment.status == Status.CANCELED:
        return True
    if not cancel(payment_id, now):
        return False
    with transaction.atomic():
        links.note(payment.link, "taken_over", now, payment)
        audit.record(
            actor=actor,
            verb="take-over-payment",
            subject_reference=f"payment:{payment.reference}",
            now=now,
            operator=payment.operator,
        )
    return True


def _load(payment_id: int) -> Payment:
    return Payment.objects.select_related("operator", "link").get(pk=payment_id)


def _request(payment: Payment) -> PaymentRequest:
    return PaymentRequest(
        payment_reference=payment.reference,
        version=payment.version,
        amount=payment.amount,
        currency=payment.currency,
    )


def _object_of(payment: Payment, gateway: Gateway, now: datetime) -> GatewayPayment:
    """The gateway's object, made if need be; one payment has one, however often the answer is lost."""
    if payment.gateway_reference:
        return gateway.retrieve(payment.gateway_reference)
    request, requested_at = _freeze_request(payment.pk, now)
    if now - requested_at > REPEATABLE_FOR:
        truth = _find(payment, gateway)
        if truth is None:
            raise GatewayUnknown("never made, and too old to be made now")
    else:
        truth = _make(payment, gateway, request, requested_at, now)
    Payment.objects.filter(pk=payment.pk, gateway_reference__isnull=True).update(gateway_reference=truth.reference)
    known = Payment.objects.values_list("gateway_reference", flat=True).get(pk=payment.pk)
    # Somebody else may have learnt of another object first; nobody was given the secret of this one.
    return truth if known in (None, truth.reference) else gateway.retrieve(known)


def _make(
    payment: Payment, gateway: Gateway, request: PaymentRequest, requested_at: datetime, now: datetime
) -> GatewayPayment:
    """Make the object, or make the same call again under the same key.

    Stripe keeps a 500 under a key like any answer, so a repeat that fails is followed by a look at its list. When
    nothing is there long after the call, or because it was refused, the next one has a new key and asks for what is
    ticked then. Should both objects come to be, one of them can't be paid: its client secret was given to nobody.
    """
    key = f"create-{payment.reference}-{request.version}-{requested_at:%Y%m%d%H%M%S%f}"
    try:
        return gateway.create(request, idempotency_key=key)
    except (GatewayUnknown, GatewayError) as error:
        is_refused = isinstance(error, GatewayError)
        if not is_refused and now - requested_at < LOOK_AFTER:
            raise
        found = _find(payment, gateway)
        if found is None:
            if is_refused or now - requested_at > ASK_ANEW_AFTER:
                Payment.objects.filter(pk=payment.pk, requested_at=requested_at).update(
                    gateway_request={}, requested_at=None
                )
            raise
        return found


def _find(payment: Payment, gateway: Gateway) -> GatewayPayment | None:
    return gateway.find(payment.reference, created_after=payment.created_at - timedelta(minutes=5))


@whole
def _freeze_request(payment_id: int, now: datetime) -> tuple[PaymentRequest, datetime]:
    """Write down the creating call's exact parameters, the first time; repeats must not differ from it."""
    payment = lock_payment(payment_id)
    if payment.status not in Payment.OPEN:
        raise PaymentGone(payment)
    if payment.requested_at is None:
        request = _request(payment)
        payment.gateway_request = {
            "version": request.version,
            "amount": request.amount,
            "currency": request.currency,
        }
        payment.requested_at = now
        payment.save(update_fields=["gateway_request", "requested_at"])
    return PaymentRequest(payment_reference=payment.reference, **payment.gateway_request), payment.requested_at


@whole
def _confirm_version(payment_id: int, truth: GatewayPayment, now: datetime) -> bool:
    """Whether the gateway's object asks for what we ask for now; then what only older versions held is let go."""
    payment = Payment.objects.select_related("operator", "link").get(pk=payment_id)
    lock_link(payment.link)
    payment = lock_payment(payment_id)
    if payment.status not in (Status.CREATED, Status.FAILED):
        raise PaymentInProgress(payment) if payment.status == Status.PROCESSING else PaymentGone(payment)
    asked = (str(payment.version), payment.amount, payment.currency)
    if (truth.metadata.get("version"), truth.amount, truth.currency) != asked:
        return False
    if payment.version_at_gateway != payment.version:
        payment.version_at_gateway = payment.version
        payment.save(update_fields=["version_at_gateway"])
        release_leftovers(payment, payment.version, now)
    return True


def _is_overtaken(payment_id: int, truth: GatewayPayment) -> bool:
    """Whether the gateway had agreed to a newer sum than the one that stands there now.

    Two taps' updates may arrive in another order than they were sent, and who sent the older one may be gone before it
    sees that. What only the older version held is no longer reserved then. Paid all the same, in the seconds until
    somebody asks, it is what that phone showed: bills that are still open are paid, the rest is credit and a person's
    work.
    """
    payment = _load(payment_id)
    if payment.status not in (Status.CREATED, Status.FAILED) or payment.version_at_gateway != payment.version:
        return False
    return truth.metadata.get("version") != str(payment.version) or truth.amount != payment.amount


def _was_made(payment: Payment, gateway: Gateway, now: datetime) -> bool:
    """Whether the gateway has an object of ours whose answer never came; it is made known here if so."""
    if payment.requested_at is None:
        return False
    if now - payment.requested_at <= REPEATABLE_FOR:
        _object_of(payment, gateway, now)
        return True
    found = _find(payment, gateway)
    if found is not None:
        Payment.objects.filter(pk=payment.pk, gateway_reference__isnull=True).update(gateway_reference=found.reference)
    return found is not None


@whole
def _forget(payment_id: int, requested_at: datetime | None, now: datetime) -> bool:
    """Cancel what the gateway has never heard of: it was never asked, or its own list doesn't have it.

    Not when somebody began to ask since ``requested_at`` was read.
    """
    payment = Payment.objects.select_related("link").get(pk=payment_id)
    lock_link(payment.link)
    payment = lock_payment(payment_id)
    if (
        payment.status not in (Status.CREATED, Status.FAILED)
        or payment.gateway_reference
        or payment.requested_at != requested_at
    ):
        return payment.status == Status.CANCELED
    move(payment, Status.CANCELED, now, canceled_at=now)
    release_all(payment, now)
    return True
