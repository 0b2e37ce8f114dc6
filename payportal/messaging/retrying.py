"""A person has failed messages tried again: those of which surely nothing was sent.

What a carrier took, refused or may have taken stays as it is: nobody is to hear the same twice, and a number that is
wrong is put right before anything else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db import transaction

from billing import audit
from billing.lib import transactions
from billing.models import AuditEntry
from payportal.messaging import draining
from payportal.messaging.models import Handover, Message

Status = Message.Status
BATCH = 500
# What is on its way already, because somebody else was first or because it is tried again by itself.
UNDER_WAY = (Status.QUEUED, Status.SENDING, Status.UNKNOWN)


@dataclass(slots=True)
class Tally:
    """How many are tried again, how many are being tried already, and how many were left as they are."""

    again: int = 0
    under_way: int = 0
    left: int = 0


def try_again(message_ids: Iterable[int], *, actor: str, now: datetime) -> Tally:
    """Queue these messages anew, for another two days; each once, whoever asks for it at the same moment."""
    tally, rest = Tally(), iter(sorted(message_ids))
    while batch := list(islice(rest, BATCH)):
        again, under_way = _batch(batch, actor, now)
        tally.again += again
        tally.under_way += under_way
        tally.left += len(batch) - again - under_way
    return tally


@transactions.whole
def _batch(batch: list[int], actor: str, now: datetime) -> tuple[int, int]:
    """How many of them are tried again, and how many were under way before."""
    rows = Message.objects.filter(pk__in=batch)
    locked = dict(rows.order_by("pk").select_for_update().values_list("pk", "status"))
    failed = [pk for pk, status in locked.items() if status == Status.FAILED]
    # Read under the locks: a receipt that came a moment ago counts.
    heard = Handover.objects.filter(message__in=failed).exclude(outcome=Handover.Outcome.NOT_SENT)
    chosen = set(failed) - set(heard.values_list("message_id", flat=True))
    ours = rows.filter(pk__in=chosen)
    ours.update(status=Status.QUEUED, attempts=0, next_attempt_at=now, tried_again_at=now, claimed_until=None, error="")
    audit.record_all(
        AuditEntry(
            actor=actor, verb="try-message-again", subject_reference=f"message:{pk}", at=now, operator_id=operator
        )
        for pk, operator in ours.order_by("pk").values_list("pk", "operator_id")
    )
    if chosen:
        transaction.on_commit(lambda: draining.begin(now))
    return len(chosen), sum(status in UNDER_WAY for status in locked.values())
