"""CASES fault 14: Valkey flushed, stopped, full or hanging: pages and webhooks don't notice, the sweep finishes."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis

from billing import links
from billing.models import GatewayEvent
from tests.system.moments import at_the_network, network_that_waits
from tests.system.stack import Stack
from tests.system.story import PROMISED, Story, finish, until

pytestmark = pytest.mark.slow

# Seconds that a tap may take with no broker there.
QUICK = 3.0
# What the rest of a tap may take on a machine that does other things too.
SLACK = 2.0
# The longest that a worker waits for its broker (CELERY_BROKER_TRANSPORT_OPTIONS).
BROKER_SECONDS = 5.0


def client(stack: Stack) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(stack.valkey.url())


@contextmanager
def full(stack: Stack) -> Iterator[None]:
    """Valkey at the limit of its memory: with noeviction every command that would add something is an error."""
    with client(stack) as valkey:
        valkey.config_set("maxmemory", 1)
        try:
            yield
        finally:
            valkey.config_set("maxmemory", 0)


@contextmanager
def hanging(stack: Stack) -> Iterator[None]:
    """Valkey takes connections and answers nobody."""
    os.kill(stack.pid("valkey"), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stack.pid("valkey"), signal.SIGCONT)


@contextmanager
def away(stack: Stack) -> Iterator[None]:
    """Valkey is not there at all."""
    stack.kill("valkey")
    try:
        yield
    finally:
        stack.mend()


OUTAGES = {"full": full, "hanging": hanging, "away": away}


@pytest.mark.parametrize("outage", OUTAGES)
def test_nobody_at_the_page_notices(stack: Stack, outage: str) -> None:
    """Tap, webhook and status page as quick as ever; what only workers can do is done when it is back."""
    stories = [Story(stack).open() for _ in range(2)]
    before = GatewayEvent.objects.count()
    with OUTAGES[outage](stack):
        for story in stories:
            began = time.monotonic()
            started = story.tap()
            assert started.status_code == 200
            assert time.monotonic() - began < QUICK + SLACK
            story.confirm(started)
        # Taken, kept, and answered with 2xx: nothing is left for Stripe to send again.
        until(lambda: GatewayEvent.objects.count() >= before + 4, "webhooks kept")
        until(lambda: not stack.stripe.ask("GET", "/_standin/undelivered")["events"], "webhooks answered")
        for story in stories:
            page = story.phone.get(f"/s/{links.status_token(story.payment)}")
            assert "Paid" in page.text or "is on" in page.text
    assert finish(*stories) < PROMISED


def test_a_worker_keeps_its_places_when_valkey_hangs_at_the_end_of_a_task(stack: Stack) -> None:
    """Nobody hears the acknowledgement. The next story needs both places at once, or it does not get on."""
    before, after = Story(stack), Story(stack)
    with ExitStack() as outage:
        with network_that_waits(stack):
            at_the_network(stack, before)
            outage.enter_context(hanging(stack))
        until(lambda: all(job.status == "done" for job in before.jobs()), "services that are on", 60)
        # The worker waits for its broker once for each task.
        time.sleep(2 * BROKER_SECONDS + SLACK)
    with network_that_waits(stack):
        at_the_network(stack, after)
    assert finish(before, after) < PROMISED


def test_flushed_with_jobs_at_the_network_and_in_the_queue(stack: Stack) -> None:
    """What Valkey held is gone: tasks waiting, tasks taken and not acknowledged."""
    with network_that_waits(stack):
        calling = Story(stack)
        at_the_network(stack, calling)
        # Both workers are busy: these wait in the queue.
        waiting = [Story(stack).pay() for _ in range(2)]
        with client(stack) as valkey:
            until(lambda: valkey.dbsize(), "something to lose")
            valkey.flushall()
    assert finish(calling, *waiting) < PROMISED


def test_flushed_again_and_again(stack: Stack) -> None:
    stories = [Story(stack).open() for _ in range(3)]
    with client(stack) as valkey:
        for story in stories:
            valkey.flushall()
            story.confirm(story.tap())
            valkey.flushall()
        until(lambda: valkey.flushall() and all(story.is_paid() for story in stories), "all paid")
    assert finish(*stories) < PROMISED
