"""Stories that stand still at the moments where a kill hurts most, until something is killed."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.models import Model
from psycopg.sql import SQL, Identifier

from tests.system.stack import Stack
from tests.system.story import Story, in_thread, until

CREATE = "/v1/payment_intents"


@contextmanager
def network_that_waits(stack: Stack) -> Iterator[None]:
    """Every call to the simulated network waits inside, before anything is done, until this is left.

    Its file is locked from outside: meanwhile ``stack.network`` can't be asked either.
    """
    stack.network.state.parent.mkdir(parents=True, exist_ok=True)
    with stack.network.state.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def table_that_waits(stack: Stack, model: type[Model]) -> Iterator[Callable[[], None]]:
    """Whoever writes to that table waits in the middle of a transaction until this is left.

    Gives a function that returns when somebody does.
    """
    table = model._meta.db_table
    with psycopg.connect(stack.postgres.url()) as holder:
        holder.execute(SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(Identifier(table)))

        def is_waited_for() -> bool:
            found = holder.execute(
                "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted", [table]
            ).fetchone()
            return bool(found and found[0])

        yield lambda: until(is_waited_for, f"somebody who waits for {table}", 60)
        holder.rollback()


def at_the_network(stack: Stack, story: Story) -> None:
    """Pay, and return when workers hold both jobs and call; only inside ``network_that_waits``."""
    story.pay()
    until(lambda: is_at_the_network(story), f"both jobs at the network: {story.customer.reference}", 60)


def after_the_network(stack: Stack, story: Story, seconds: float = 4) -> None:
    """Pay, and return when the network has switched something on and no worker knows it yet."""
    stack.network.set_switches(latency_ms=int(seconds * 1000))
    story.pay()
    until(lambda: _is_unknown(story), "switched on and not written down", 60)
    stack.network.set_switches()


def _is_unknown(story: Story) -> bool:
    """Whether a worker waits for an answer that the network has made true already."""
    switched = {line["service_reference"] for line in story.effects()}
    return any(job.status == "running" and job.request["service_reference"] in switched for job in story.jobs())


def is_at_the_network(story: Story) -> bool:
    """Whether workers hold both of its jobs."""
    jobs = story.jobs()
    return len(jobs) == 2 and all(job.status == "running" for job in jobs)


class Held:
    """Three stories held before the tap's call to Stripe, after it, and between the charge and its webhook."""

    def __init__(self, stack: Stack, pool: ThreadPoolExecutor, seconds: float = 4) -> None:
        self.stack = stack
        self.before, self.after, self.charged = (Story(stack).open() for _ in range(3))
        stack.stripe.switch(webhook_hold=True)
        self.charged.confirm(self.charged.tap())
        self.taps: list[Future[Any]] = []
        for story, kind in ((self.before, "hang_before"), (self.after, "hang_after")):
            stack.stripe.fault(kind, "POST", CREATE, seconds)
            self.taps.append(in_thread(pool, _quietly(story.tap)))
            until(lambda: not stack.stripe.ask("GET", "/_standin/switches")["faults"], "the tap's call at Stripe")

    @property
    def stories(self) -> list[Story]:
        return [self.before, self.after, self.charged]

    def go_on(self) -> None:
        """Everything runs again: the webhooks come, and who tapped without an answer taps again."""
        self.stack.stripe.mend()
        for tap in self.taps:
            tap.result(60)
        for story in (self.before, self.after):
            story.confirm(story.tap_until_answered())
            assert len(self.stack.stripe.intents(story.payment.reference)) == 1


def _quietly(tap: Callable[[], Any]) -> Callable[[], Any]:
    """A tap whose answer may never come."""

    def tapped() -> Any:
        try:
            return tap()
        except OSError as error:  # requests' own errors among them
            return error

    return tapped
