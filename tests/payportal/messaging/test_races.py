"""The law of hand-overs with workers and receipts on threads: all at the same moment, again and again."""

import random
import typing

import pytest

from billing.models import Customer
from payportal.messaging import claims, outcomes
from tests.payportal.messaging.carrier import Word, registered
from tests.payportal.messaging.test_exactly_once import FATES, Story
from tests.threads import at_once, errors

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WORKERS, RECEIPTS, MOMENTS, STORIES = 4, 4, 6, 25


def play(chance: random.Random) -> dict[str, typing.Any]:
    words = typing.get_args(Word)
    return {
        "first": chance.choices(words, k=4),
        "second": chance.choices(words, k=3),
        # None is asked for: the carriers tell.
        "answers": [],
        "fates": chance.choices(sorted(FATES), k=4),
        "has_second": chance.random() < 0.7,
        "on_unknown": chance.choice(["leave", "again"]),
    }


@pytest.mark.parametrize("seed", range(STORIES))
def test_workers_and_receipts_at_the_same_moment(kari: Customer, seed: int) -> None:
    chance = random.Random(seed)
    story = Story(kari, play(chance))
    with registered(story.first, story.second):
        for _ in range(MOMENTS):
            told = [(chance.randrange(6), chance.randrange(12)) for _ in range(RECEIPTS)]
            results = at_once(
                *[story.work] * WORKERS,
                *[lambda which=which, what=what: story.tell(which, what) for which, what in told],
            )
            assert errors(results) == []
            story.check()
            story.now += outcomes.LONGEST_PAUSE + claims.LEASE
        story.finish()
