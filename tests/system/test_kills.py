"""CASES faults 11, 13, 14, 15: any process killed (-9) at any moment, started again, and the story ends the same."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from activation.models import Activation
from billing.models import LedgerEntry
from payportal.demo.models import OutboxMessage
from tests.system.moments import Held, after_the_network, at_the_network, network_that_waits, table_that_waits
from tests.system.stack import Stack, children_of, kill
from tests.system.story import PROMISED, Story, finish

pytestmark = pytest.mark.slow


def kill_children(stack: Stack, name: str) -> None:
    """What that process has forked, and not the process itself."""
    children = children_of(stack.pid(name))
    assert children
    kill(*children)


def kill_family(stack: Stack, name: str) -> None:
    """Parent and children at once."""
    children = children_of(stack.pid(name))
    stack.kill(name)
    kill(*children)


VICTIMS: dict[str, Callable[[Stack], None]] = {
    "web": lambda stack: stack.kill("web"),
    "web's children": lambda stack: kill_children(stack, "web"),
    "beat": lambda stack: stack.kill("beat"),
    "stripe": lambda stack: stack.kill("stripe"),
    "valkey": lambda stack: stack.kill("valkey"),
    "postgres": lambda stack: stack.kill("postgres"),
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_at_every_moment_of_a_payment(stack: Stack, victim: str) -> None:
    """Before and after the tap's call to Stripe, charged but not told, at the network, switched on but not written."""
    with ThreadPoolExecutor(4) as pool:
        switched = Story(stack)
        with network_that_waits(stack):
            calling = Story(stack)
            at_the_network(stack, calling)
            held = Held(stack, pool)
            VICTIMS[victim](stack)
        stack.mend()
        held.go_on()
    after_the_network(stack, switched)
    VICTIMS[victim](stack)
    stack.mend()
    assert finish(calling, switched, *held.stories) < PROMISED


WAYS: dict[str, Callable[[Stack], None]] = {
    "the children": lambda stack: kill_children(stack, "worker"),
    "the parent": lambda stack: stack.kill("worker"),
    "parent and children": lambda stack: kill_family(stack, "worker"),
}


def test_workers_killed_at_the_network_and_after_it(stack: Stack) -> None:
    """CASES fault 13: the children, the parent, and all of them; at the network, and after it before the commit."""
    stories = []
    for way in WAYS.values():
        story = Story(stack)
        with network_that_waits(stack):
            at_the_network(stack, story)
            way(stack)
        stack.mend()
        stories.append(story)
    for way in WAYS.values():
        story = Story(stack)
        after_the_network(stack, story)
        way(stack)
        stack.mend()
        stories.append(story)
    assert finish(*stories) < PROMISED


def test_workers_killed_in_the_middle_of_their_transactions(stack: Stack) -> None:
    """CASES fault 13: while money is booked, while a service is written down, and while the receipt is sent."""
    stories = []
    for table in (LedgerEntry, Activation, OutboxMessage):
        story = Story(stack).open()
        with table_that_waits(stack, table) as somebody_waits:
            story.confirm(story.tap())
            somebody_waits()
            kill_family(stack, "worker")
        stack.mend()
        stories.append(story)
    assert finish(*stories) < PROMISED


def test_a_worker_killed_with_webhooks_in_its_hands(stack: Stack) -> None:
    """CASES fault 13: it hangs in its question to Stripe when it is killed; pages and sweep settle all the same."""
    stories = [Story(stack).open() for _ in range(2)]
    started = [story.tap() for story in stories]
    for _ in stories:
        stack.stripe.fault("hang_before", "GET", "/v1/payment_intents/*", 20)
    for story, answer in zip(stories, started, strict=True):
        story.confirm(answer)
    kill_family(stack, "worker")
    stack.mend()
    assert finish(*stories) < PROMISED
