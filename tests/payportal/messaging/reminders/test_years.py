"""Years of bills, payments, receipts and opt-outs, simulated: what reminders and fees may never do."""

from collections import Counter
from datetime import date, time
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from payportal.messaging.models import Message
from tests import world
from tests.payportal.messaging.carrier import PlayedCarrier, registered
from tests.payportal.messaging.reminders.people import Month, Twist
from tests.payportal.messaging.reminders.story import FEE_DAYS, RULE_DAYS, Story, begin

pytestmark = pytest.mark.django_db
DUE = date(2026, 1, 12)
_numbers = count(1)

PAYING = ["pay", "tap", "bank"]
OTHERS = ["pay one", "stop", "start", "open", "withdraw", "busy", "lost", "refused"]


def twists(days: list[int], stages: list[str], what: list[str], most: int = 1) -> st.SearchStrategy[tuple[Twist, ...]]:
    """So many things that happen around the moments in which something is said or charged."""
    one = st.builds(Twist, day=st.sampled_from(days), stage=st.sampled_from(stages), what=st.sampled_from(what))
    return st.lists(one, min_size=1, max_size=most).map(tuple)


# Each is one way in which something may go wrong; the last is whatever nobody has thought of.
KINDS: list[st.SearchStrategy[Month]] = [
    # The carrier tells late, or never, and the customer opens the link.
    st.builds(Month, receipts=st.just(3)),
    st.builds(Month, receipts=st.just(0), twists=twists([-3, 0, 3], ["after"], ["open"])),
    # What arrives is withdrawn, and what isn't never arrives.
    st.builds(Month, is_withdrawn=st.just(True), is_refused=st.booleans()),
    # They pay while a turn is taken, and between list and sending.
    st.builds(Month, twists=twists([FEE_DAYS], ["taking"], ["pay"])),
    st.builds(Month, twists=twists([FEE_DAYS], ["taking"], ["tap", "bank"])),
    st.builds(Month, twists=twists([*RULE_DAYS], ["taking"], PAYING)),
    st.builds(Month, twists=twists([*RULE_DAYS], ["between"], ["pay"])),
    st.builds(Month, twists=twists([*RULE_DAYS], ["between"], ["tap", "bank"])),
    st.builds(
        Month,
        twists=twists([*RULE_DAYS, 1, 5, 16], ["before", "taking", "between", "after"], [*PAYING, *OTHERS], most=3),
        receipts=st.sampled_from([1, 1, 0, 3, 6]),
        is_withdrawn=st.booleans(),
        is_refused=st.booleans(),
    ),
]
MONTHS = st.one_of(KINDS)
ZONES = st.sampled_from(["Europe/Oslo", "Asia/Kolkata", "America/St_Johns"])
HOURS = st.sampled_from([time(10), time(10), time(22, 30)])
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


def tell(lives: list[list[Month]], zone: str = "Europe/Oslo", at: time = time(10), days_after: int = 16) -> Story:
    """Live through it; what must be true is asserted on the way."""
    with registered(carrier := PlayedCarrier(code=f"years_{next(_numbers)}")):
        story = begin(carrier, zone, at)
        for months in lives:
            story.join(months, DUE)
        story.live(days_after)
    return story


def tally(story: Story) -> Counter[str]:
    """How much was said and charged: a story in which nothing happens shows nothing."""
    said = Counter(copy.message.template for copy in story.copies)
    withheld = Message.objects.filter(operator=story.operator, status="withheld")
    return said + Counter(withheld.values_list("error", flat=True)) + Counter(fee=len(story.fees))


def test_weeks() -> None:
    told: Counter[str] = Counter()

    @settings(max_examples=3, deadline=None, suppress_health_check=QUIET, derandomize=True, phases=[Phase.generate])
    @given(lives=st.tuples(*KINDS), zone=ZONES, at=HOURS)
    def story(lives: tuple[Month, ...], zone: str, at: time) -> None:
        told.update(tally(tell([[Month()], *[[month] for month in lives]], zone, at)))

    story()
    # Whatever was drawn, the customer who does nothing is in each story.
    assert told["fee"] >= 3, told
    assert told["late_fee"] >= 3, told
    assert told["reminder"] >= 40, told
    assert told["paid"] >= 1, told
    assert told["paying"] >= 1, told


@pytest.mark.slow
def test_years() -> None:
    """A bill every thirty days for thirteen months, and a life around it that nobody has thought up."""
    told: Counter[str] = Counter()

    @settings(max_examples=2, deadline=None, suppress_health_check=QUIET, phases=[Phase.generate])
    @given(lives=st.lists(st.lists(MONTHS, min_size=13, max_size=13), min_size=2, max_size=2), zone=ZONES, at=HOURS)
    def story(lives: list[list[Month]], zone: str, at: time) -> None:
        told.update(tally(tell([[Month()], *lives], zone, at)))

    story()
    assert told["fee"] >= 2, told
    assert told["reminder"] >= 40, told


def test_a_customer_who_does_nothing_has_one_fee_for_each_bill_and_all_of_them_were_announced() -> None:
    """So that the histories above are not empty of what they forbid."""
    story = tell([[Month(), Month()]], days_after=21)
    assert [copy.message.context["rule"] for copy in story.copies][:5] == ["before", "today", "after", "again", "fee"]
    assert len(story.fees) == 2
    # Afterwards the fee is a bill of its own, and reminded of like one.
    fee = story.fees[0].fee_invoice_id
    about = [copy.message.context["rule"] for copy in story.copies if copy.message.context["bills"] == [fee]]
    assert about == ["today", "after", "again"]
    world.assert_books_balance()
