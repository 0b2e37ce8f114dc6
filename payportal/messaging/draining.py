"""A long queue is drained by a few workers' turns, between which everybody else's tasks have theirs.

A campaign puts a hundred thousand messages into the queue: hints for each would stand before somebody's one-time code,
and the sweep alone takes a few hundred at a time. A turn takes seconds and, while there is more, goes to the end of the
broker's queue. A drain that is lost ends; the next sweep that finds a long queue begins new ones.
"""

import time
from datetime import datetime, timedelta

from billing import waking
from billing.lib.time_limit import within
from payportal.messaging import messages

TASK = "messaging.drain"
# So many side by side, each at messages of its own.
LANES = 4
A_TURN = 25
TURN_SECONDS = 3.0
# About as long as it takes until the next sweep: drains don't become more and more.
LASTS = timedelta(seconds=20)


def begin(now: datetime) -> None:
    """Wake workers for what is waiting; does nothing more for a queue that is empty."""
    until = (now + LASTS).timestamp()
    for lane in range(LANES):
        waking.wake(TASK, lane, until)


def turn(lane: int, until: float, now: datetime) -> int:
    """Send some of what is due and see to the next turn; how many were looked at.

    Lanes that have come out of step meet at the same message now and then: the claim lets one of them have it.
    """
    begun = time.monotonic()
    mine = messages.due(now, LANES * A_TURN)[lane::LANES]
    looked_at = 0
    for message_id in within(TURN_SECONDS, mine):
        messages.deliver(message_id, now + timedelta(seconds=time.monotonic() - begun))
        looked_at += 1
    if mine and now.timestamp() + time.monotonic() - begun < until:
        waking.wake(TASK, lane, until)
    return looked_at
