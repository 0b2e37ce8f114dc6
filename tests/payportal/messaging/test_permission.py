"""When we may speak: opt-outs, consent, quiet hours on the customer's clock, and no more than so much."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from billing.models import Customer, Invoice
from payportal.messaging.models import Consent, ContactMedium, Handover, Message, MessagingPolicy
from payportal.messaging.occasions import OCCASIONS
from payportal.messaging.permission import Go, Later, Never, ask, awake_at
from tests import world
from tests.payportal.messaging.story import NOW, write

OSLO = ZoneInfo("Europe/Oslo")
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=OSLO)
MORNING = datetime(2026, 11, 22, 8, 0, tzinfo=OSLO)
QUIET = {name for name, occasion in OCCASIONS.items() if occasion.may_be_quiet}


@pytest.fixture
def policy(kari: Customer) -> MessagingPolicy:
    return MessagingPolicy.objects.create(operator=kari.operator)


def message(customer: Customer, name: str, reference: str = "", **more: object) -> Message:
    bills = Invoice.objects.filter(account__customer=customer).values_list("pk", flat=True)
    context = {"bills": list(bills), "currency": "NOK"}
    write(customer, reference or name, template=name, context=context, **more)
    return Message.objects.select_related("operator", "customer").get(reference=reference or name)


def agree(customer: Customer) -> Consent:
    return Consent.objects.create(customer=customer, purpose="offer", given_at=NOW)


@pytest.mark.parametrize("name", [name for name in OCCASIONS if name != "offer"])
def test_it_works(kari: Customer, name: str) -> None:
    assert ask(message(kari, name), NOW) == Go()


@pytest.mark.parametrize("name", OCCASIONS)
def test_who_wrote_stop_hears_nothing_more_there(kari: Customer, name: str) -> None:
    agree(kari)
    row = message(kari, name)
    known = ContactMedium.objects.create(
        operator=kari.operator, medium="sms", address=kari.phone, opted_out_at=NOW, unreachable_at=NOW
    )
    assert ask(row, NOW) == Never("opted_out")
    known.medium = "whatsapp"
    known.save()
    assert ask(row, NOW) == Go()


def test_what_cannot_be_reached_is_not_tried(kari: Customer) -> None:
    ContactMedium.objects.create(operator=kari.operator, medium="sms", address=kari.phone, unreachable_at=NOW)
    assert ask(message(kari, "link"), NOW) == Never("unreachable")


def test_another_operators_opt_outs_are_its_own(kari: Customer) -> None:
    from payportal.demo import data

    solmara = data.customer(data.SOLMARA_CUSTOMER).operator
    ContactMedium.objects.create(operator=solmara, medium="sms", address=kari.phone, opted_out_at=NOW)
    assert ask(message(kari, "link"), NOW) == Go()


def test_a_mailbox_is_known_however_it_is_written(kari: Customer) -> None:
    ContactMedium.objects.create(operator=kari.operator, medium="email", address=kari.email.lower(), opted_out_at=NOW)
    kari.email = kari.email.upper()
    kari.save()
    row = message(kari, "link")
    row.channel = "email"
    assert ask(row, NOW) == Never("opted_out")


def test_an_offer_needs_a_yes_that_still_holds(kari: Customer) -> None:
    row = message(kari, "offer")
    assert ask(row, NOW) == Never("no_consent")
    consent = agree(kari)
    assert ask(row, NOW) == Go()
    consent.withdrawn_at = NOW
    consent.save()
    assert ask(row, NOW) == Never("no_consent")
    Consent.objects.create(customer=kari, purpose="survey", given_at=NOW)
    assert ask(row, NOW) == Never("no_consent")


def settle_all(customer: Customer) -> None:
    bills = Invoice.objects.filter(account__customer=customer)
    bills.update(status="paid", amount_paid=F("amount"))


def test_a_reminder_of_what_is_paid_is_none(kari: Customer) -> None:
    rows = [message(kari, name) for name in ("reminder", "late_fee", "link")]
    settle_all(kari)
    assert [ask(row, NIGHT) for row in rows] == [Never("paid"), Never("paid"), Go()]


def test_a_fee_that_is_still_owed_is_told_though_its_bill_is_paid(kari: Customer) -> None:
    row = message(kari, "late_fee")
    account = kari.accounts.all()[0]
    settle_all(kari)
    row.context["bills"].append(world.bill(account, 3500).pk)
    assert ask(row, NOW) == Go()


@pytest.mark.parametrize("name", OCCASIONS)
def test_at_night_only_what_somebody_waits_for(kari: Customer, name: str) -> None:
    agree(kari)
    answer = ask(message(kari, name), NIGHT)
    assert answer == (Later(MORNING.astimezone(OSLO)) if name in QUIET else Go())


def test_what_a_campaign_sends_can_wait_for_the_morning(kari: Customer) -> None:
    row = message(kari, "link")
    row.context = {"may_wait": True}
    assert ask(row, NIGHT) == Later(MORNING)


def test_the_clock_is_the_customers(kari: Customer) -> None:
    kari.time_zone = "America/New_York"
    kari.save()
    # Seven in the evening of the day before.
    assert ask(message(kari, "reminder"), datetime(2026, 11, 22, 0, 30, tzinfo=UTC)) == Go()
    assert ask(message(kari, "reminder", "again"), datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) == Later(
        datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    )


def test_a_time_zone_that_is_none_is_the_operators(kari: Customer) -> None:
    kari.time_zone = "Nowhere/At all"
    kari.save()
    assert ask(message(kari, "reminder"), NIGHT) == Later(MORNING)


def sent(customer: Customer, reference: str, ago: timedelta, **more: object) -> None:
    row = message(customer, "reminder", reference)
    values: dict[str, object] = {"status": "sent", "sent_at": NOW - ago, "created_at": NOW - ago} | more
    Message.objects.filter(pk=row.pk).update(**values)


def test_three_in_a_week_and_no_more(kari: Customer, policy: MessagingPolicy) -> None:
    sent(kari, "old", timedelta(days=8))
    sent(kari, "first", timedelta(days=6))
    sent(kari, "second", timedelta(days=3), status="read")
    row = message(kari, "reminder", "now")
    assert ask(row, NOW) == Go()
    sent(kari, "third", timedelta(days=1), status="unknown", sent_at=None)
    assert ask(row, NOW) == Never("capped")
    assert ask(message(kari, "link"), NOW) == Go(), "what is waited for is not counted"
    assert ask(row, NOW + timedelta(days=2)) == Go(), "six days ago and two days later are a week"


def test_what_never_went_out_does_not_count(kari: Customer, policy: MessagingPolicy) -> None:
    policy.cap_messages = 1
    policy.save()
    sent(kari, "failed", timedelta(days=1), status="failed")
    sent(kari, "withheld", timedelta(days=1), status="withheld")
    assert ask(message(kari, "reminder", "now"), NOW) == Go()


def campaigns_link(customer: Customer, reference: str, **changes: object) -> Message:
    """A link as a campaign sends it."""
    row = message(customer, "link", reference)
    Message.objects.filter(pk=row.pk).update(context={"may_wait": True}, **changes)
    row.refresh_from_db()
    return row


def test_what_a_campaign_sends_counts_and_is_held_like_a_reminder(kari: Customer, policy: MessagingPolicy) -> None:
    policy.cap_messages = 1
    policy.save()
    first, second = campaigns_link(kari, "one"), campaigns_link(kari, "two")
    assert ask(second, NOW) == Go()
    Message.objects.filter(pk=first.pk).update(status="sent", sent_at=NOW)
    assert ask(second, NOW) == Never("capped")
    assert ask(message(kari, "reminder"), NOW) == Never("capped")
    assert ask(second, NOW + timedelta(days=policy.cap_days)) == Go()


def test_a_reminder_counts_for_what_a_campaign_sends(kari: Customer, policy: MessagingPolicy) -> None:
    policy.cap_messages = 1
    policy.save()
    sent(kari, "reminded", timedelta(days=1))
    assert ask(campaigns_link(kari, "campaign"), NOW) == Never("capped")


@pytest.mark.parametrize("name", ["link", "fresh_link", "receipt", "pin_code"])
def test_what_somebody_asked_for_neither_counts_nor_is_held(kari: Customer, policy: MessagingPolicy, name: str) -> None:
    policy.cap_messages = 1
    policy.save()
    row = message(kari, name, "asked for")
    Message.objects.filter(pk=row.pk).update(status="sent", sent_at=NOW)
    assert ask(campaigns_link(kari, "campaign"), NOW) == Go()
    sent(kari, "reminded", timedelta(days=1))
    assert ask(message(kari, name, "asked for again"), NOW) == Go()


def test_two_of_campaigns_at_once_wait_for_each_other(kari: Customer, policy: MessagingPolicy) -> None:
    policy.cap_messages = 1
    policy.save()
    flying = {"status": "sending", "claimed_until": NOW + timedelta(seconds=30)}
    rows = [campaigns_link(kari, reference, **flying) for reference in ("one", "two")]
    assert all(isinstance(ask(row, NOW), Later) for row in rows)


@pytest.mark.parametrize("outcome", ["pending", "unknown", "given_up"])
def test_what_may_have_arrived_counts_though_it_was_given_up(
    kari: Customer, policy: MessagingPolicy, outcome: str
) -> None:
    policy.cap_messages = 1
    policy.save()
    sent(kari, "maybe", timedelta(hours=1), status="failed", sent_at=None)
    row = message(kari, "reminder", "next")
    assert ask(row, NOW) == Go()
    maybe = Message.objects.get(reference="maybe")
    tried = {"reference": "h1", "channel": "twilio_sms", "account": "default", "at": NOW, "changed_at": NOW}
    Handover.objects.create(message=maybe, outcome=outcome, **tried)
    assert ask(row, NOW) == Never("capped")


def test_two_at_once_wait_for_each_other_and_come_apart(kari: Customer, policy: MessagingPolicy) -> None:
    policy.cap_messages = 1
    policy.save()
    rows = [message(kari, "reminder", reference) for reference in ("one", "two")]
    Message.objects.update(status="sending", claimed_until=NOW + timedelta(seconds=30))
    first, second = (ask(row, NOW) for row in rows)
    assert isinstance(first, Later)
    assert isinstance(second, Later)
    assert first.at != second.at
    Message.objects.filter(pk=rows[1].pk).update(status="queued")
    assert ask(rows[0], NOW) == Go()
    Message.objects.filter(pk=rows[0].pk).update(status="sent", sent_at=NOW)
    assert ask(rows[1], second.at) == Never("capped")


def test_another_customers_messages_do_not_count(kari: Customer, policy: MessagingPolicy) -> None:
    from payportal.demo import data

    policy.cap_messages = 1
    policy.save()
    sent(data.customer(data.DEBTLESS_CUSTOMER), "theirs", timedelta(days=1))
    assert ask(message(kari, "reminder", "mine"), NOW) == Go()


ZONES = ["Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "UTC"]
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@given(
    st.integers(0, 2 * 365 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.sampled_from(ZONES).map(ZoneInfo),
    TIMES,
    TIMES,
)
def test_quiet_hours_end_on_every_clock(now: datetime, zone: ZoneInfo, begin: time, end: time) -> None:
    policy = MessagingPolicy(quiet_from=begin, quiet_until=end)
    at = awake_at(policy, zone, now)
    assert now <= at <= now + timedelta(hours=26)
    assert awake_at(policy, zone, at) == at, "then it is morning"


CHANGES = [date(2026, 3, 29), date(2026, 10, 25)]


def nights(changed_on: date) -> Iterator[datetime]:
    """Every ten minutes of the night in which the clock is changed."""
    begin = datetime.combine(changed_on - timedelta(days=1), time(21), tzinfo=OSLO).astimezone(UTC)
    yield from (begin + timedelta(minutes=10 * number) for number in range(6 * 13))


@pytest.mark.parametrize("changed_on", CHANGES)
@pytest.mark.parametrize("until", [time(1, 30), time(3), time(8)])
def test_the_night_in_which_the_clock_is_changed_ends_when_the_clock_says_so(changed_on: date, until: time) -> None:
    policy = MessagingPolicy(quiet_from=time(21), quiet_until=until)
    end = datetime.combine(changed_on, until, tzinfo=OSLO)
    for now in nights(changed_on):
        assert awake_at(policy, OSLO, now) == max(now, end)


@pytest.mark.parametrize("changed_on", CHANGES)
def test_a_time_that_comes_twice_or_never_ends_the_night_too(changed_on: date) -> None:
    policy = MessagingPolicy(quiet_from=time(21), quiet_until=time(2, 30))
    for now in nights(changed_on):
        at = awake_at(policy, OSLO, now)
        assert at >= now
        assert awake_at(policy, OSLO, at) == at


def test_the_same_time_at_both_ends_means_no_quiet_hours(kari: Customer, policy: MessagingPolicy) -> None:
    policy.quiet_from = policy.quiet_until = time(8)
    policy.save()
    assert ask(message(kari, "reminder"), NIGHT) == Go()


def test_what_is_waited_for_costs_one_query(kari: Customer, django_assert_max_num_queries: Any) -> None:
    row = message(kari, "link")
    row.operator.messaging_policy = MessagingPolicy(operator=row.operator)
    with django_assert_max_num_queries(1):
        assert ask(row, NIGHT) == Go()
