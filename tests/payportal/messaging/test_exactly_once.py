"""The law of hand-overs, through failures, retries, receipts in any order and twice, and workers that die.

Of one message there is at most one hand-over whose outcome is not finally failed, and at the carriers at most one copy
that may still reach the customer; a second channel is tried only after the first one's final failure. The carriers
remember what really happened, and tell only what is true of it.
"""

import typing
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.models import Alarm, Customer
from payportal.messaging import claims, delivering, outcomes, receipts
from payportal.messaging.channels.base import Receipt
from payportal.messaging.models import ContactMedium, Handover, Message
from tests.payportal.messaging.carrier import Copy, PlayedCarrier, Word, WorkerDied, registered, speak
from tests.payportal.messaging.story import NOW, write

Status, Outcome = Message.Status, Handover.Outcome
numbers = count()

WORDS = st.sampled_from(typing.get_args(Word))
State = typing.Literal["accepted", "delivered", "read", "undelivered"]
FATES: dict[str, list[State]] = {
    "nothing": [],
    "delivered": ["accepted", "delivered"],
    "read": ["accepted", "delivered", "read"],
    "undelivered": ["accepted", "undelivered"],
}
# A step is a worker that looks after so many seconds, or a receipt: which copy, which word, told by which reference.
STEPS = st.one_of(
    st.tuples(st.just("work"), st.integers(0, 4000), st.just(0)),
    st.tuples(st.just("receipt"), st.integers(0, 5), st.integers(0, 11)),
)
PLAYS = st.fixed_dictionaries(
    {
        "first": st.lists(WORDS, max_size=5),
        "second": st.lists(WORDS, max_size=4),
        "answers": st.lists(st.sampled_from(["tells", "tells", "cannot", "silent", "dies"]), max_size=6),
        "fates": st.lists(st.sampled_from(sorted(FATES)), min_size=4, max_size=4),
        "has_second": st.booleans(),
        "on_unknown": st.sampled_from(["leave", "again"]),
        "steps": st.lists(STEPS, max_size=25),
    }
)
# A story is dozens of transactions: making a failing one smaller would take longer than reading it.
LONG = settings(deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])


class Story:
    """One message, two carriers, and a clock."""

    def __init__(self, customer: Customer, play: dict) -> None:
        self.play, self.now = play, NOW
        number = next(numbers)
        self.first = PlayedCarrier(words=list(play["first"]), prefix=f"first-{number}")
        self.second = PlayedCarrier("played_sms", "sms", words=list(play["second"]), prefix=f"second-{number}")
        # Earlier stories' marks are not this one's.
        ContactMedium.objects.all().delete()
        speak(customer, self.first.code, self.second.code if play["has_second"] else "", play["on_unknown"])
        with registered(self.first, self.second):
            self.message = write(customer, f"on:{number}", now=self.now)

    def run(self) -> None:
        with registered(self.first, self.second):
            for kind, one, other in self.play["steps"]:
                if kind == "work":
                    self.now += timedelta(seconds=one)
                    self.work()
                else:
                    self.tell(one, other)
                self.check()
            self.finish()

    def work(self) -> None:
        answers = self.play["answers"]
        self.first.answer = self.second.answer = answers.pop(0) if answers else "tells"
        try:
            delivering.deliver(self.message.pk, self.now)
        except WorkerDied:
            pass

    def tell(self, which: int, what: int) -> None:
        copies = self.copies()
        if not copies:
            return
        number, carrier, copy = copies[which % len(copies)]
        told = FATES[self.play["fates"][number % 4]]
        if told:
            news = carrier.receipt(told[what % len(told)], carrier.copies.index(copy))
            if what > 5 and self.is_known(copy):
                news = Receipt(news.state, channel_reference=news.channel_reference)
            receipts.take(carrier.code, "default", [news], self.now)

    def is_known(self, copy: Copy) -> bool:
        """Whether the carrier's reference is in our books, so that it alone is enough."""
        return Handover.objects.filter(channel_reference=copy.reference, message=self.message).exists()

    def copies(self) -> list[tuple[int, PlayedCarrier, Copy]]:
        found = [(carrier, copy) for carrier in (self.first, self.second) for copy in carrier.copies]
        return [(number, *each) for number, each in enumerate(found)]

    def finish(self) -> None:
        """Workers and receipts go on until nothing is left to do: on the first channel, the second, and once more."""
        for _ in range(3):
            for _ in range(4 * outcomes.ATTEMPT_LIMIT):
                self.now += outcomes.LONGEST_PAUSE + claims.LEASE
                if self.message.pk not in delivering.due(self.now, 10_000):
                    break
                self.work()
                self.check()
            for which in range(len(self.copies())):
                for what in range(3):
                    self.tell(which, what)
                    self.check()
        self.check_end()

    def check(self) -> None:
        rows = list(self.message.handovers.order_by("pk"))
        not_failed = [row for row in rows if row.outcome not in outcomes.ENDED]
        assert len(not_failed) <= 1
        given_up = [row for row in rows if row.outcome == Outcome.GIVEN_UP]
        assert len(given_up) <= (self.play["on_unknown"] == "again")
        copies = len(self.first.live()) + len(self.second.live())
        assert copies <= 1 + len(given_up)
        if self.second.calls:
            mine = [row.outcome for row in rows if row.channel == self.first.code]
            assert set(mine) <= set(Handover.FAILED)
            assert mine[-1] in (Outcome.REFUSED, Outcome.UNDELIVERED)
            assert not self.first.live()
        assert len(self.first.calls) + len(self.second.calls) <= len(rows)

    def check_end(self) -> None:
        message = Message.objects.get(pk=self.message.pk)
        assert message.status in (*Message.ARRIVING, Status.FAILED)
        fates = {self.play["fates"][number % 4] for number, _, copy in self.copies() if not copy.is_given_up}
        if "read" in fates:
            assert message.status == Status.READ
        elif "delivered" in fates:
            assert message.status == Status.DELIVERED
        else:
            assert message.delivered_at is None
        assert bool(message.delivered_at) == (message.status in (Status.DELIVERED, Status.READ))
        assert not Alarm.objects.filter(kind="sent_twice").exists()


@pytest.mark.django_db
@settings(max_examples=30, derandomize=True, parent=LONG)
@given(play=PLAYS)
def test_at_most_one_hand_over_is_not_finally_failed(kari: Customer, play: dict) -> None:
    Story(kari, play).run()


@pytest.mark.slow
@pytest.mark.django_db
@settings(max_examples=100, parent=LONG)
@given(play=PLAYS)
def test_at_most_one_hand_over_is_not_finally_failed_in_hundreds_of_stories(kari: Customer, play: dict) -> None:
    Story(kari, play).run()
