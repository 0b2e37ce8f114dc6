"""A person has what failed tried again: only that of which surely nothing was sent, and once."""

from datetime import timedelta

import pytest

from billing.models import AuditEntry, Customer, PaymentLink
from payportal.messaging import delivering, outcomes, receipts, retrying
from payportal.messaging.channels.base import Receipt
from payportal.messaging.models import Handover, Message
from payportal.messaging.retrying import Tally
from tests.payportal.messaging.carrier import Carriers, Word, link_message, outcomes_of, with_second
from tests.payportal.messaging.story import NOW, write
from tests.threads import at_once

pytestmark = pytest.mark.django_db
Status, Outcome = Message.Status, Handover.Outcome
LATE = NOW + outcomes.TRIED_FOR
ASKED_FOR = {"actor": "staff:7", "now": LATE + timedelta(hours=1)}


def failed(customer: Customer, carriers: Carriers, reference: str = "on:test") -> Message:
    """A message that was written when the account was empty, and stopped two days later."""
    message = write(customer, reference)
    carriers.first.words = ["broke", "broke"]
    delivering.deliver(message.pk, NOW)
    delivering.deliver(message.pk, LATE)
    message.refresh_from_db()
    assert message.status == Status.FAILED
    return message


def test_it_works(kari: Customer, carriers: Carriers) -> None:
    message = failed(kari, carriers)
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(again=1)
    message.refresh_from_db()
    assert (message.status, message.attempts, message.error) == (Status.QUEUED, 0, "")
    assert delivering.deliver(message.pk, ASKED_FOR["now"])
    assert outcomes_of(message) == [Outcome.NOT_SENT, Outcome.NOT_SENT, Outcome.ACCEPTED]
    kept = AuditEntry.objects.get(verb="try-message-again")
    assert (kept.actor, kept.subject_reference, kept.at) == ("staff:7", f"message:{message.pk}", ASKED_FOR["now"])
    assert kept.operator == kari.operator


def test_twice_is_once(kari: Customer, carriers: Carriers) -> None:
    message = failed(kari, carriers)
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(again=1)
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(under_way=1)
    assert delivering.deliver(message.pk, ASKED_FOR["now"])
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(left=1)
    assert AuditEntry.objects.filter(verb="try-message-again").count() == 1
    assert len(carriers.first.copies) == 1


def test_it_has_two_days_again(kari: Customer, carriers: Carriers) -> None:
    message = failed(kari, carriers)
    retrying.try_again([message.pk], **ASKED_FOR)
    carriers.first.words = ["broke"] * 9
    delivering.deliver(message.pk, ASKED_FOR["now"])
    message.refresh_from_db()
    assert (message.status, message.next_attempt_at) == (Status.QUEUED, ASKED_FOR["now"] + outcomes.FIRST_PAUSE)
    delivering.deliver(message.pk, ASKED_FOR["now"] + outcomes.TRIED_FOR)
    message.refresh_from_db()
    assert message.status == Status.FAILED


def test_what_was_never_handed_over_is_tried_too(kari: Customer, carriers: Carriers) -> None:
    phone, kari.phone = kari.phone, ""
    kari.save()
    message = write(kari)
    delivering.deliver(message.pk, NOW)
    kari.phone = phone
    kari.save()
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(again=1)
    assert delivering.deliver(message.pk, ASKED_FOR["now"])


@pytest.mark.parametrize("word", ["refused", "nobody there", "wants nothing", "taken", "lost"])
def test_what_a_carrier_refused_or_may_have_taken_is_left(kari: Customer, carriers: Carriers, word: Word) -> None:
    message = write(kari)
    carriers.first.words, carriers.first.answer = ["busy", word], "cannot"
    for hours in range(3):
        delivering.deliver(message.pk, NOW + timedelta(hours=hours))
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(left=1)
    assert carriers.calls() == (2, 0)


def test_what_was_given_up_after_it_was_taken_is_left(kari: Customer, carriers: Carriers) -> None:
    message = write(kari)
    delivering.deliver(message.pk, NOW)
    receipts.take("played_whatsapp", "default", [carriers.first.receipt("undelivered")], NOW)
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(left=1)


def test_what_failed_on_the_second_channel_has_been_refused_on_the_first(kari: Customer, carriers: Carriers) -> None:
    with_second(kari, carriers)
    message = write(kari)
    carriers.first.words, carriers.second.words = ["refused"], ["broke"]
    delivering.deliver(message.pk, NOW)
    delivering.deliver(message.pk, LATE)
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(left=1)


def test_a_receipt_that_came_after_all_is_believed(kari: Customer, carriers: Carriers) -> None:
    message = failed(kari, carriers)
    late = Receipt("delivered", handover=carriers.first.calls[0].handover)
    receipts.take("played_whatsapp", "default", [late], LATE)
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(left=1)
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_what_is_no_news_any_more_is_withheld_all_the_same(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    PaymentLink.objects.filter(pk=link.pk).update(expires_at=LATE + timedelta(minutes=1))
    message = link_message(kari, link)
    carriers.first.words = ["broke", "broke"]
    delivering.deliver(message.pk, NOW)
    delivering.deliver(message.pk, LATE)
    assert retrying.try_again([message.pk], **ASKED_FOR) == Tally(again=1)
    assert not delivering.deliver(message.pk, ASKED_FOR["now"])
    message.refresh_from_db()
    assert (message.status, message.error) == (Status.WITHHELD, "link_ended")


def test_a_night_of_failures_is_tried_again_in_batches(
    kari: Customer, carriers: Carriers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "BATCH", 2)
    messages = [failed(kari, carriers, f"on:{number}") for number in range(5)]
    waiting = write(kari, "on:waiting")
    chosen = [*(message.pk for message in messages), waiting.pk, 2**40]
    assert retrying.try_again(chosen, **ASKED_FOR) == Tally(again=5, under_way=1, left=1)
    assert AuditEntry.objects.filter(verb="try-message-again").count() == 5


@pytest.mark.django_db(transaction=True)
def test_of_two_agents_at_once_one_has_it_tried(kari: Customer, carriers: Carriers) -> None:
    for number in range(5):
        message = failed(kari, carriers, f"on:{number}")
        results = at_once(*[lambda message=message: retrying.try_again([message.pk], **ASKED_FOR)] * 2)
        assert sorted(results, key=lambda tally: tally.again) == [Tally(under_way=1), Tally(again=1)]
        assert delivering.deliver(message.pk, ASKED_FOR["now"])
    assert AuditEntry.objects.filter(verb="try-message-again").count() == 5
    assert len(carriers.first.copies) == 5
