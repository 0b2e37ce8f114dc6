"""Telling a customer something: a row first, then the send.

A row is written in the transaction of what it tells (``queue``); a worker, woken on commit or by the sweep, hands it
over (payportal.messaging.delivering), and carriers say what became of it (payportal.messaging.receipts).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billing import waking
from billing.lib.inserting import insert_new
from billing.models import Customer, Operator, Payment, PaymentLink
from payportal.messaging import channels, codes
from payportal.messaging.claims import LEASE
from payportal.messaging.delivering import deliver, due, newest_due
from payportal.messaging.models import Message
from payportal.messaging.outcomes import DELIVER, FIRST_PAUSE, LONGEST_PAUSE, TRIED_FOR

__all__ = [
    "DELIVER",
    "FIRST_PAUSE",
    "LEASE",
    "LONGEST_PAUSE",
    "TRIED_FOR",
    "channel_for",
    "deliver",
    "due",
    "new",
    "newest_due",
    "queue",
    "queue_all",
    "queue_many",
]

# So many messages that were written together go to one worker: a hint costs as much as writing the row, and a channel
# that takes its time must not keep the last of them waiting while other workers are idle.
A_HINT = 4


def queue(
    *,
    operator: Operator,
    customer: Customer,
    template: str,
    reference: str,
    context: dict[str, Any],
    now: datetime,
    link: PaymentLink | None = None,
    payment: Payment | None = None,
    channel: str = "",
) -> bool:
    """Write down that a customer is to be told, once for each ``reference``; False when that was written before.

    ``context`` holds facts (amounts, dates, names by language), never an address. Without a ``channel`` it goes the way
    that the link came, or else the operator's. Wakes a worker on commit.
    """
    message = new(
        operator=operator, customer=customer, template=template, reference=reference, context=context, now=now
    )
    message.link, message.payment = link, payment
    message.channel = channel or channel_for(operator, link.via if link else "")
    return bool(queue_all([message]))


def new(
    *, operator: Operator, customer: Customer, template: str, reference: str, context: dict[str, Any], now: datetime
) -> Message:
    """A message that is written nowhere yet, on the operator's own channel; see ``queue``."""
    return Message(
        operator=operator,
        customer=customer,
        reference=reference,
        template=template,
        context=context,
        language=_language(operator, customer),
        channel=operator.channel,
        code=codes.new_code(operator),
        created_at=now,
        next_attempt_at=now,
    )


def queue_all(messages: Sequence[Message]) -> int:
    """Write new messages down, each once for its ``reference``; how many had not been. Wakes workers on commit."""
    written = _write(messages)
    for start in range(0, len(written), A_HINT):
        waking.on_commit(DELIVER, *written[start : start + A_HINT])
    return len(written)


def queue_many(messages: Sequence[Message]) -> int:
    """As ``queue_all``, but wakes nobody: for so many that hints for each would keep everybody else's waiting.

    Whoever wrote the last of them has them drained (payportal.messaging.draining); the sweep does so in any case.
    """
    return len(_write(messages))


def _write(messages: Sequence[Message]) -> list[int]:
    """The keys of those that were not written before."""
    # In one order everywhere: of two transactions that write the same, one waits for the other.
    rows = sorted(messages, key=lambda message: message.reference)
    written: list[int] = []
    while rows:
        keys = insert_new(rows, unique=())
        written += keys
        rows = [] if len(keys) == len(rows) else _untold(rows)
    return written


def _untold(rows: Sequence[Message]) -> list[Message]:
    """What the database left out although it was never told: another message has its code, and it gets a new one."""
    told = Message.objects.filter(reference__in=[row.reference for row in rows])
    known = set(told.values_list("reference", flat=True))
    left = [row for row in rows if row.reference not in known]
    for row in left:
        row.code = codes.new_code(row.operator)
    return left


def channel_for(operator: Operator, via: str) -> str:
    """The channel that a link came by, if it came by one; else the operator's."""
    return via if via in channels.REGISTRY else operator.channel


def _language(operator: Operator, customer: Customer) -> str:
    """The customer's own if the operator speaks it, else the operator's first."""
    if customer.language in operator.languages or not operator.languages:
        return customer.language
    return str(operator.languages[0])
