"""CASES fault 17: a network that answers nobody. What needs it not goes on; what needs it is done when it is back."""

import time

import pytest

from activation import jobs, tasks
from payportal.messaging.models import Message
from tests.system.moments import at_the_network, network_that_waits
from tests.system.stack import Stack
from tests.system.story import PROMISED, Story, finish, until

pytestmark = pytest.mark.slow

# A worker in the middle of its calls when somebody else's money comes, and what the rest may take.
LONGEST = jobs.PATIENCE_SECONDS + tasks.DRAIN_FOR.total_seconds()
SLACK = 10.0


def has_receipt(story: Story) -> bool:
    return Message.objects.filter(customer=story.customer, template="receipt", status="sent").exists()


def test_a_network_that_hangs_keeps_neither_money_nor_receipts(stack: Stack) -> None:
    """Every process of the worker is in a call that does not come back, and more such jobs come with every story."""
    stories = [Story(stack) for _ in range(4)]
    with network_that_waits(stack):
        at_the_network(stack, stories[0])
        for story in stories[1:]:
            story.pay()
            began = time.monotonic()
            until(lambda story=story: story.is_paid() and has_receipt(story), "money and receipt", 120)
            assert time.monotonic() - began < LONGEST + SLACK
    assert finish(*stories) < PROMISED
