"""One hand-over: its row before the call, and what each answer of a carrier leads to."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from billing import links
from billing.models import Alarm, Customer, PaymentLink
from payportal.messaging import codes, delivering, messages, outcomes
from payportal.messaging.models import ContactMedium, Handover, Message
from tests.payportal.messaging.carrier import (
    SLOW_DOWN_SECONDS,
    Carriers,
    Word,
    WorkerDied,
    link_message,
    outcomes_of,
    speak,
    timeline,
)
from tests.payportal.messaging.story import NOW, write

pytestmark = pytest.mark.django_db
Status, Outcome = Message.Status, Handover.Outcome
LATER = NOW + messages.LEASE + timedelta(seconds=5)


def test_it_works(kari: Customer, link: PaymentLink, carriers: Carriers) -> None:
    message = link_message(kari, link)
    assert delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    row = message.handovers.get()
    assert (message.status, message.sent_at, message.channel_reference) == (Status.SENT, NOW, "played_whatsapp-0")
    assert (row.outcome, row.channel_reference, row.account) == (Outcome.ACCEPTED, "played_whatsapp-0", "default")
    assert row.last_digits == kari.phone[-2:]
    [told] = carriers.first.calls
    assert (told.handover, told.account, told.code) == (row.reference, "default", message.code)
    assert told.callback == f"{links.origin(kari.operator)}/webhooks/messages/played_whatsapp/default"
    assert timeline(link)[1:] == [("sent", "played_whatsapp")]


@pytest.mark.django_db(transaction=True)
def test_the_row_is_committed_before_the_carrier_is_called(kari: Customer, carriers: Carriers) -> None:
    seen: list[tuple[bool, list[Handover]]] = []
    carriers.first.meanwhile = lambda told: seen.append(
        (connection.in_atomic_block, list(Handover.objects.filter(reference=told.handover, outcome=Outcome.PENDING)))
    )
    delivering.deliver(write(kari).pk, NOW)
    [(is_inside, rows)] = seen
    assert not is_inside
    assert len(rows) == 1


def test_a_mailbox_has_no_digits(kari: Customer, carriers: Carriers) -> None:
    carriers.first.reaches = "email"
    message = write(kari)
    assert delivering.deliver(message.pk, NOW)
    assert message.handovers.get().last_digits == ""


def test_every_message_has_a_code_of_its_own(kari: Customer) -> None:
    made = [write(kari, f"on:{number}").code for number in range(5)]
    assert len(set(made)) == 5
    assert {codes.read(code, kari.operator) for code in made} == set(made)


def test_a_code_that_is_taken_is_replaced(kari: Customer) -> None:
    taken = write(kari, "on:1").code
    values = {"operator": kari.operator, "customer": kari, "template": "on", "context": {}, "now": NOW}
    twins = [messages.new(reference=f"on:{number}", **values) for number in (1, 2, 3)]  # type: ignore[arg-type]
    for twin in twins:
        twin.code = taken
    assert messages.queue_all(twins) == 2
    assert sorted(Message.objects.values_list("reference", flat=True)) == ["on:1", "on:2", "on:3"]
    assert len(set(Message.objects.values_list("code", flat=True))) == 3


def test_what_did_not_leave_is_another_hand_over_later(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    carriers.first.words = ["busy"]
    assert not delivering.deliver(message.pk, NOW)
    assert outcomes_of(message) == [Outcome.NOT_SENT]
    assert delivering.deliver(message.pk, LATER)
    assert outcomes_of(message) == [Outcome.NOT_SENT, Outcome.ACCEPTED]
    assert len({told.handover for told in carriers.first.calls}) == 2


def test_a_carrier_that_says_how_long_to_wait_is_left_alone_for_so_long(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    carriers.first.words = ["slow down"]
    delivering.deliver(message.pk, NOW)
    assert delivering.due(NOW + timedelta(seconds=SLOW_DOWN_SECONDS - 5), 10) == []
    assert delivering.due(NOW + timedelta(seconds=SLOW_DOWN_SECONDS), 10) == [message.pk]


def test_pauses_double_and_end() -> None:
    hour = outcomes.LONGEST_PAUSE
    assert [outcomes.pause(attempts).total_seconds() for attempts in (0, 1, 2, 3, 4)] == [10, 10, 20, 40, 80]
    assert outcomes.pause(40) == outcomes.pause(10_000) == hour
    assert outcomes.pause(3, 5) == timedelta(seconds=40)
    assert outcomes.pause(1, 7200) == timedelta(hours=2)
    assert outcomes.pause(1, 10.0**9) == timedelta(days=1)


def tried(message: Message, until: datetime) -> list[datetime]:
    """Workers look whenever it is due, up to this moment; when that was."""
    times = []
    message.refresh_from_db()
    while message.status in (Status.QUEUED, Status.UNKNOWN) and message.next_attempt_at <= until:
        times.append(max(NOW, message.next_attempt_at))
        delivering.deliver(message.pk, times[-1])
        message.refresh_from_db()
    return times


@pytest.mark.parametrize("word", ["broke", "busy", "bad keys"])
def test_what_did_not_leave_is_tried_for_two_days(kari: Customer, carriers: Carriers, word: Word) -> None:
    """An account that runs empty in the evening is filled in the morning, or on Monday."""
    message, other = write(kari), write(kari, "on:2")
    carriers.first.words = [word] * 200
    times = tried(message, NOW + timedelta(days=5))
    assert message.status == Status.FAILED
    assert timedelta(days=2) <= times[-1] - NOW < timedelta(days=2, hours=1)
    assert 50 < len(times) < 70, "an hour apart at most"
    tried(other, NOW + timedelta(hours=47))
    carriers.first.words = []
    tried(other, NOW + timedelta(hours=48))
    assert other.status == Status.SENT


def test_a_carrier_that_wants_no_more_today_is_asked_tomorrow(kari: Customer, carriers: Carriers) -> None:
    """A daily limit: twilio.com/docs/api/errors/63038, "wait until the next day for the 24 hour window to reset"."""
    message, other = write(kari), write(kari, "on:2")
    carriers.first.words, carriers.first.slow_down_seconds = ["slow down"], 86400
    day = timedelta(days=1)
    assert tried(message, NOW + day) == [NOW, NOW + day]
    assert message.status == Status.SENT
    carriers.first.words = ["slow down"] * 9
    assert tried(other, NOW + 9 * day) == [NOW, NOW + day, NOW + 2 * day]
    assert other.status == Status.FAILED


def test_after_a_day_of_refusals_an_answer_that_gets_lost_is_asked_about_as_ever(
    kari: Customer, carriers: Carriers
) -> None:
    message = write(kari)
    carriers.first.words = ["busy"] * 30 + ["taken"]
    for _ in range(31):
        delivering.deliver(message.pk, message.next_attempt_at)
        message.refresh_from_db()
    assert message.status == Status.UNKNOWN
    assert message.next_attempt_at - message.handovers.get(outcome=Outcome.UNKNOWN).at < timedelta(minutes=1)
    assert delivering.deliver(message.pk, message.next_attempt_at)
    assert carriers.calls() == (31, 0)


def test_what_nobody_answers_about_is_asked_fourteen_times(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    carriers.first.words, carriers.first.answer = ["busy"] * 20 + ["taken"], "silent"
    tried(message, NOW + timedelta(days=5))
    assert message.status == Status.FAILED
    assert len(carriers.first.questions) == outcomes.ATTEMPT_LIMIT - 1


@pytest.mark.parametrize(("word", "kind"), [("bad keys", "bad_keys"), ("broke", "low_credit")])
def test_what_every_message_would_meet_is_an_alarm_and_tried_again(
    kari: Customer, carriers: Carriers, word: Word, kind: str
) -> None:
    message = write(kari)
    carriers.first.words = [word, word]
    delivering.deliver(message.pk, NOW)
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.subject, alarm.count) == (kind, "played_whatsapp:default", 1)
    assert alarm.operator == kari.operator
    delivering.deliver(message.pk, LATER)
    assert Alarm.objects.get().count == 2
    assert delivering.deliver(message.pk, LATER + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("word", "mark"), [("refused", ""), ("nobody there", "unreachable"), ("wants nothing", "opted_out")]
)
def test_a_final_no_stops_and_is_kept_of_the_number(kari: Customer, carriers: Carriers, word: Word, mark: str) -> None:
    message = write(kari)
    carriers.first.words = [word]
    assert not delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert (message.status, outcomes_of(message)) == (Status.FAILED, [Outcome.REFUSED])
    assert message.error
    kept = ContactMedium.objects.filter(operator=kari.operator, medium="whatsapp", address=kari.phone)
    assert [bool(row.unreachable_at) for row in kept] == ([mark == "unreachable"] if mark else [])
    assert [bool(row.opted_out_at) for row in kept] == ([mark == "opted_out"] if mark else [])
    assert carriers.calls() == (1, 0)


def test_what_nobody_can_tell_is_left_and_says_so(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    carriers.first.words, carriers.first.answer = ["taken"], "cannot"
    delivering.deliver(message.pk, NOW)
    assert outcomes_of(message) == [Outcome.UNKNOWN]
    delivering.deliver(message.pk, LATER)
    message.refresh_from_db()
    row = message.handovers.get()
    assert (message.status, row.outcome) == (Status.FAILED, Outcome.UNKNOWN)
    assert message.error == row.error == "it may have arrived; the channel can't tell"
    assert delivering.due(LATER + timedelta(days=1), 10) == []


def test_where_the_policy_says_so_it_is_sent_once_more_and_no_more(kari: Customer, carriers: Carriers) -> None:
    speak(kari, carriers.first.code, carriers.second.code, on_unknown="again")
    message = write(kari)
    carriers.first.words, carriers.first.answer = ["taken", "taken"], "cannot"
    at = NOW
    for _ in range(6):
        delivering.deliver(message.pk, at)
        at += timedelta(minutes=10)
    message.refresh_from_db()
    assert outcomes_of(message) == [Outcome.GIVEN_UP, Outcome.UNKNOWN]
    assert "once more" in message.handovers.first().error  # type: ignore[union-attr]
    assert message.status == Status.FAILED
    assert carriers.calls() == (2, 0)


def test_before_it_is_sent_once_more_a_receipt_has_time_to_tell(kari: Customer, carriers: Carriers) -> None:
    speak(kari, carriers.first.code, on_unknown="again")
    message = write(kari)
    carriers.first.words, carriers.first.answer = ["lost"], "cannot"
    delivering.deliver(message.pk, NOW)
    delivering.deliver(message.pk, LATER)
    assert outcomes_of(message) == [Outcome.UNKNOWN]
    soon = message.handovers.get().at + outcomes.PATIENCE
    assert delivering.due(soon - timedelta(seconds=5), 10) == []
    delivering.deliver(message.pk, soon)
    assert delivering.deliver(message.pk, soon + timedelta(seconds=5))
    assert outcomes_of(message) == [Outcome.GIVEN_UP, Outcome.ACCEPTED]


def test_a_carrier_that_does_not_know_it_yet_may_still_be_at_it(kari: Customer, carriers: Carriers) -> None:
    """After a time-out a carrier may take the message a moment after it was asked: its no counts after a while."""
    message = write(kari)
    carriers.first.words = ["lost"]
    delivering.deliver(message.pk, NOW)
    soon, settled = NOW + outcomes.FIRST_PAUSE, NOW + outcomes.SETTLES + timedelta(seconds=5)
    assert not delivering.deliver(message.pk, soon)
    assert outcomes_of(message) == [Outcome.UNKNOWN]
    assert delivering.due(soon + timedelta(seconds=20), 10) == []
    delivering.deliver(message.pk, settled)
    assert outcomes_of(message) == [Outcome.NOT_SENT]
    assert delivering.deliver(message.pk, settled)
    assert carriers.calls() == (2, 0)


def test_keys_that_went_bad_are_an_alarm_when_asking_too(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    carriers.first.words, carriers.first.answer = ["taken"], "bad keys"
    delivering.deliver(message.pk, NOW)
    delivering.deliver(message.pk, LATER)
    assert Alarm.objects.get().kind == "bad_keys"
    assert outcomes_of(message) == [Outcome.UNKNOWN]


def test_the_question_has_all_that_a_carrier_could_find_it_by(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    carriers.first.words = ["taken"]
    delivering.deliver(message.pk, NOW)
    assert delivering.deliver(message.pk, LATER)
    [question] = carriers.first.questions
    row = message.handovers.get()
    assert (question.handover, question.account, question.to) == (row.reference, "default", kari.phone)
    assert (question.code, question.sent_at) == (message.code, row.at)
    assert carriers.calls() == (1, 0)


def test_a_number_that_was_changed_since_proves_nothing(kari: Customer, carriers: Carriers) -> None:
    """The carrier would find nothing under the new number, although the message is under the old one."""
    message = write(kari)
    carriers.first.words = ["taken"]
    delivering.deliver(message.pk, NOW)
    kari.phone = kari.phone[:-2] + "00" if not kari.phone.endswith("00") else kari.phone[:-2] + "01"
    kari.save()
    delivering.deliver(message.pk, LATER)
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert carriers.first.questions == []
    assert carriers.calls() == (1, 0)


def test_a_carrier_that_gives_one_reference_twice_has_both(kari: Customer, carriers: Carriers) -> None:
    one, other = write(kari, "on:1"), write(kari, "on:2")
    delivering.deliver(one.pk, NOW)
    carriers.first.copies.clear()
    assert delivering.deliver(other.pk, NOW)
    assert outcomes_of(one) == outcomes_of(other) == [Outcome.ACCEPTED]
    assert other.handovers.get().channel_reference == ""


def test_what_waits_for_the_morning_has_used_up_no_attempt(kari: Customer, carriers: Carriers) -> None:
    night = NOW.replace(hour=23)
    message = write(kari, context={"names": {"en": "Films"}, "may_wait": True}, now=night)
    assert not delivering.deliver(message.pk, night)
    message.refresh_from_db()
    assert (message.status, message.attempts) == (Status.QUEUED, 0)
    assert message.next_attempt_at > night + timedelta(hours=5)
    assert delivering.deliver(message.pk, message.next_attempt_at)
    assert outcomes_of(message) == [Outcome.ACCEPTED]


def test_a_worker_that_dies_before_its_hand_over_begins_costs_no_question(kari: Customer, carriers: Carriers) -> None:
    """Without a row nothing was handed over: the next worker sends at once, though this carrier can't be asked."""
    message = write(kari)
    carriers.first.answer = "cannot"
    Message.objects.filter(pk=message.pk).update(status=Status.SENDING, attempts=1, claimed_until=NOW)
    assert delivering.deliver(message.pk, LATER)
    assert carriers.first.questions == []


@pytest.mark.parametrize(("word", "copies"), [("dies before", 0), ("dies after", 1)])
def test_a_worker_that_dies_with_its_row_written_leads_to_a_question(
    kari: Customer, carriers: Carriers, word: Word, copies: int
) -> None:
    message = write(kari)
    carriers.first.words = [word]
    with pytest.raises(WorkerDied):
        delivering.deliver(message.pk, NOW)
    assert outcomes_of(message) == [Outcome.PENDING]
    assert len(carriers.first.copies) == copies
    delivering.deliver(message.pk, LATER)
    delivering.deliver(message.pk, LATER + timedelta(seconds=5))
    assert len(carriers.first.questions) == 1
    assert len(carriers.first.copies) == 1
    message.refresh_from_db()
    assert message.status == Status.SENT
