"""The guarantee behind the hints: messages left lying, workers that died, and messages that were never written."""

import time
from datetime import datetime, timedelta

import structlog
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from activation.models import Activation, ActivationJob
from billing.models import Payment
from payportal.messaging import draining, messages, subscribers
from payportal.messaging.models import Message

log = structlog.get_logger(__name__)

# News older than this is not made up for by itself; the command takes a longer look back.
LOOK_BACK = timedelta(days=7)
BATCH = 200
# One sweep ends before the worker's own time limit; the next one goes on where it stopped.
LONGEST_SECONDS = 30.0


def sweep(now: datetime, look_back: timedelta = LOOK_BACK) -> int:
    """Write what is missing and send what is due; returns how many messages were sent. Any number may run at once."""
    write_missing(now, now - look_back)
    begun = time.monotonic()
    sent = 0
    waiting = messages.due(now, BATCH)
    if len(waiting) == BATCH:
        draining.begin(now)
        # What is tried again has waited less long than a campaign, and may be what somebody waits for.
        waiting = list(dict.fromkeys(messages.newest_due(now, BATCH // 4) + waiting))
    for message_id in waiting:
        elapsed = time.monotonic() - begun
        if elapsed > LONGEST_SECONDS:
            log.warning("sweep_cut_short", sweep="messaging")
            break
        # A claim lasts from the moment it is made: one that began at the sweep's beginning would be over too early.
        sent += messages.deliver(message_id, now + timedelta(seconds=elapsed))
    return sent


def write_missing(now: datetime, since: datetime) -> int:
    """Queue the receipts and confirmations that no subscriber wrote; returns how many."""
    written = 0
    for payment in _without_receipt(since):
        written += subscribers.tell_receipt(payment, now)
    for activation, paid_by in _without_word(since):
        written += subscribers.tell_on(activation, paid_by, now)
    if written:
        log.warning("missing_messages_written", count=written)
    return written


def _without_receipt(since: datetime) -> list[Payment]:
    told = Message.objects.filter(payment=OuterRef("pk"), template="receipt")
    # touched_at has an index and is never before succeeded_at.
    succeeded = Payment.objects.filter(status=Payment.Status.SUCCEEDED, touched_at__gte=since)
    return list(succeeded.exclude(Exists(told)).select_related("operator", "customer", "link")[:BATCH])


def _without_word(since: datetime) -> list[tuple[Activation, Payment | None]]:
    """What jobs have switched on since then, is still on, and nobody was told of."""
    job = ActivationJob.Kind
    done = ActivationJob.objects.filter(
        kind__in=[job.ACTIVATE, job.RESTORE], status=ActivationJob.Status.DONE, done_at__gte=since
    )
    activations = Activation.objects.filter(
        Q(jobs__in=done) | Q(order_item__jobs__in=done), status=Activation.Status.ACTIVE
    ).annotate(
        # As subscribers.on_reference writes it.
        occasion=Concat(
            Value("on:"), "reference", Value(":"), Cast("suspension", CharField()), output_field=CharField()
        )
    )
    silent = activations.exclude(Exists(Message.objects.filter(reference=OuterRef("occasion"))))
    found = list(silent.select_related("customer__operator").distinct()[:BATCH])
    return [(activation, _paid_by(activation, done)) for activation in found]


def _paid_by(activation: Activation, done: QuerySet[ActivationJob]) -> Payment | None:
    about = Q(activation=activation)
    if activation.order_item_id:
        about |= Q(order_item_id=activation.order_item_id)
    jobs = done.filter(about).select_related("payment__operator", "payment__customer", "payment__link")
    newest = jobs.order_by("-done_at", "-pk").first()
    return newest.payment if newest else None
