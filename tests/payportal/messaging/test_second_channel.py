"""Which of two channels a message goes out on, and when the second one has its turn."""

from datetime import timedelta

import pytest

from billing.models import Customer, PaymentLink
from payportal.messaging import delivering, messages, outcomes, receipts
from payportal.messaging.channels.base import Outgoing, Receipt
from payportal.messaging.models import ContactMedium, Handover, Message, MessagingPolicy
from tests.payportal.messaging.carrier import (
    Carriers,
    PlayedCarrier,
    Word,
    link_message,
    outcomes_of,
    registered,
    speak,
    timeline,
    with_second,
)
from tests.payportal.messaging.story import NOW, write
from tests.threads import at_once

pytestmark = pytest.mark.django_db
Status, Outcome = Message.Status, Handover.Outcome
LATER = NOW + messages.LEASE + timedelta(seconds=5)


@pytest.mark.parametrize("word", ["refused", "nobody there"])
def test_a_final_no_leads_to_the_second_channel(
    kari: Customer, link: PaymentLink, carriers: Carriers, word: Word
) -> None:
    with_second(kari, carriers)
    message = link_message(kari, link)
    carriers.first.words = [word]
    delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert (message.status, message.channel, message.attempts) == (Status.QUEUED, "played_sms", 0)
    assert delivering.deliver(message.pk, NOW + timedelta(seconds=1))
    assert outcomes_of(message) == [Outcome.REFUSED, Outcome.ACCEPTED]
    assert carriers.calls() == (1, 1)
    assert timeline(link)[1:] == [("undelivered", "link"), ("fallback", "played_sms"), ("sent", "played_sms")]
    link.refresh_from_db()
    assert link.via == "played_sms"


def test_who_wants_nothing_is_not_written_to_elsewhere(kari: Customer, carriers: Carriers) -> None:
    with_second(kari, carriers)
    message = write(kari)
    carriers.first.words = ["wants nothing"]
    delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert delivering.due(LATER, 10) == []


def test_there_is_no_third_channel(kari: Customer, carriers: Carriers) -> None:
    with_second(kari, carriers)
    message = write(kari)
    carriers.first.words, carriers.second.words = ["refused"], ["refused"]
    delivering.deliver(message.pk, NOW)
    third = PlayedCarrier("played_third", "sms")
    with registered(third):
        MessagingPolicy.objects.filter(operator=kari.operator).update(fallback_channel="played_third")
        delivering.deliver(message.pk, LATER)
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert third.calls == []


@pytest.mark.parametrize("word", ["lost", "taken", "garbled", "busy"])
@pytest.mark.parametrize("answer", ["silent", "cannot"])
def test_no_unknown_outcome_leads_to_the_second_channel(
    kari: Customer, carriers: Carriers, word: Word, answer: str
) -> None:
    with_second(kari, carriers)
    message = write(kari)
    carriers.first.words = [word] * 80
    carriers.first.answer = answer  # type: ignore[assignment]
    at = NOW
    while at <= NOW + outcomes.TRIED_FOR:
        delivering.deliver(message.pk, at)
        at += outcomes.LONGEST_PAUSE
    message.refresh_from_db()
    assert message.status == Status.FAILED
    assert carriers.second.calls == []
    assert len(carriers.first.copies) <= 1


def test_what_may_have_arrived_stands_in_the_way_of_the_second_channel(kari: Customer, carriers: Carriers) -> None:
    speak(kari, carriers.first.code, carriers.second.code, on_unknown="again")
    message = write(kari)
    carriers.first.words, carriers.first.answer = ["taken", "refused"], "cannot"
    at = NOW
    for _ in range(6):
        delivering.deliver(message.pk, at)
        at += timedelta(minutes=10)
    message.refresh_from_db()
    assert outcomes_of(message) == [Outcome.GIVEN_UP, Outcome.REFUSED]
    assert message.status == Status.FAILED
    assert carriers.calls() == (2, 0)


def test_without_a_number_the_second_channel_has_its_turn(kari: Customer, carriers: Carriers) -> None:
    with_second(kari, carriers)
    carriers.second.reaches = "email"
    kari.phone = ""
    kari.save()
    message = write(kari)
    delivering.deliver(message.pk, NOW)
    assert delivering.deliver(message.pk, LATER)
    assert carriers.calls() == (0, 1)


def test_a_number_known_not_to_be_reached_is_left_out(kari: Customer, carriers: Carriers) -> None:
    with_second(kari, carriers)
    ContactMedium.objects.create(
        operator=kari.operator, medium="whatsapp", address=kari.phone, unreachable_at=NOW, reason="carrier"
    )
    message = write(kari)
    delivering.deliver(message.pk, NOW)
    assert delivering.deliver(message.pk, LATER)
    assert carriers.calls() == (0, 1)


def test_what_is_not_to_be_said_is_withheld_and_stands_on_the_timeline(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    with_second(kari, carriers)
    ContactMedium.objects.create(
        operator=kari.operator, medium="whatsapp", address=kari.phone, opted_out_at=NOW, reason="stop"
    )
    message = link_message(kari, link)
    delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert (message.status, message.error) == (Status.WITHHELD, "opted_out")
    assert outcomes_of(message) == []
    assert timeline(link)[1:] == [("withheld", "opted_out")]
    assert delivering.due(LATER, 10) == []


def test_receipts_go_out_on_the_channel_that_the_link_came_by(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    assert messages.queue(
        operator=kari.operator,
        customer=kari,
        template="link",
        reference="link:1",
        context={},
        now=NOW,
        link=link,
        channel="played_sms",
    )
    delivering.deliver(Message.objects.get().pk, NOW)
    link.refresh_from_db()
    assert link.via == "played_sms"
    assert write(kari, "receipt:1", template="receipt", context={}, link=link).channel == "played_sms"
    assert write(kari, "on:1").channel == "played_whatsapp"


def test_how_a_link_came_is_known_though_the_carriers_answer_was_lost(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    """A PIN may be asked of links that came by this channel: such a link must not open without it meanwhile."""
    seen_at_the_carrier = []

    def arrives(outgoing: Outgoing) -> None:
        seen_at_the_carrier.append(PaymentLink.objects.get(pk=link.pk).via)

    carriers.first.words, carriers.first.meanwhile = ["taken"], arrives
    message = link_message(kari, link)
    delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN
    assert seen_at_the_carrier == ["played_whatsapp"]


def test_every_way_that_a_copy_went_is_known(kari: Customer, link: PaymentLink, carriers: Carriers) -> None:
    for number, channel in enumerate(("played_sms", "played_whatsapp", "played_sms")):
        message = write(kari, f"link:{number}", template="link", context={}, link=link, channel=channel)
        assert delivering.deliver(message.pk, NOW)
    link.refresh_from_db()
    assert link.via == "played_sms"
    assert link.ways.split() == ["played_sms", "played_whatsapp"]


def copy_of(link: PaymentLink, channel: str, number: int = 1) -> Message:
    """One more copy of the link, by a channel that somebody chose."""
    return write(link.customer, f"link:{number}", template="link", context={}, link=link, channel=channel)


def receipt_channel(link: PaymentLink, reference: str = "receipt:1") -> str:
    return write(
        link.customer, reference, template="receipt", context={}, link=PaymentLink.objects.get(pk=link.pk)
    ).channel


@pytest.mark.parametrize("word", ["refused", "nobody there", "wants nothing", "busy", "broke"])
def test_a_later_copy_that_reached_nobody_takes_no_receipt_with_it(
    kari: Customer, link: PaymentLink, carriers: Carriers, word: Word
) -> None:
    delivering.deliver(copy_of(link, "played_sms").pk, NOW)
    carriers.first.words = [word]
    delivering.deliver(copy_of(link, "played_whatsapp", 2).pk, NOW)
    link.refresh_from_db()
    assert link.via == "played_sms"
    assert link.ways.split() == ["played_sms", "played_whatsapp"], "which copies were tried is known for good"
    receipt = write(kari, "receipt:1", template="receipt", context={}, link=link)
    assert delivering.deliver(receipt.pk, NOW)
    assert [told.reference for told in carriers.second.calls] == ["link:1", "receipt:1"]


def test_a_later_copy_that_is_given_up_afterwards_takes_no_receipt_with_it(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    delivering.deliver(copy_of(link, "played_sms").pk, NOW)
    delivering.deliver(copy_of(link, "played_whatsapp", 2).pk, NOW)
    told = carriers.first.receipt("undelivered")
    assert receipts.take("played_whatsapp", "default", [told], LATER) == 1
    assert receipt_channel(link) == "played_sms"
    assert receipts.take("played_whatsapp", "default", [told], LATER) == 0, "twice is once"
    assert receipt_channel(link, "receipt:2") == "played_sms"


def test_an_earlier_copy_that_is_given_up_changes_nothing(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    delivering.deliver(copy_of(link, "played_whatsapp").pk, NOW)
    delivering.deliver(copy_of(link, "played_sms", 2).pk, NOW)
    receipts.take("played_whatsapp", "default", [carriers.first.receipt("undelivered")], LATER)
    assert receipt_channel(link) == "played_sms"


@pytest.mark.parametrize("word", ["taken", "lost"])
def test_a_later_copy_that_may_have_arrived_counts(
    kari: Customer, link: PaymentLink, carriers: Carriers, word: Word
) -> None:
    delivering.deliver(copy_of(link, "played_sms").pk, NOW)
    carriers.first.words = [word]
    delivering.deliver(copy_of(link, "played_whatsapp", 2).pk, NOW)
    assert receipt_channel(link) == "played_whatsapp"


def test_where_no_copy_arrived_the_receipt_goes_out_on_the_operators_channel(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    carriers.second.words = ["refused"]
    delivering.deliver(copy_of(link, "played_sms").pk, NOW)
    assert receipt_channel(link) == "played_whatsapp"
    assert receipts.take("played_sms", "default", [late_receipt(carriers.second)], LATER) == 1
    assert receipt_channel(link, "receipt:2") == "played_sms", "it arrived after all"


def late_receipt(carrier: PlayedCarrier) -> Receipt:
    """That the newest sending arrived, whatever the carrier said before."""
    return Receipt("delivered", handover=carrier.calls[-1].handover)


def test_a_link_handed_over_by_a_person_has_its_receipt_on_the_operators_channel(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    link.via = "shop"
    assert write(kari, "receipt:1", template="receipt", context={}, link=link).channel == "played_whatsapp"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_eight_workers_in_fifty_rounds_make_one_hand_over_each(kari: Customer, carriers: Carriers) -> None:
    with_second(kari, carriers)
    for number in range(50):
        message = write(kari, f"on:{number}")
        carriers.first.words = ["refused"] if number % 2 else []
        for moment in (NOW, LATER):
            at_once(*[lambda message=message, moment=moment: delivering.deliver(message.pk, moment)] * 8)
        assert outcomes_of(message) == ([Outcome.REFUSED] if number % 2 else []) + [Outcome.ACCEPTED]
    assert carriers.calls() == (50, 25)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_copies_at_once_the_one_that_arrives_is_the_way(
    kari: Customer, link: PaymentLink, carriers: Carriers
) -> None:
    for number in range(0, 90, 3):
        sms = copy_of(link, "played_sms", number)
        assert delivering.deliver(sms.pk, NOW)
        carriers.first.words = ["refused"]
        pair = [copy_of(link, "played_whatsapp", number + each) for each in (1, 2)]
        results = at_once(*[lambda copy=copy: delivering.deliver(copy.pk, NOW) for copy in pair])
        assert sorted(results) == [False, True]
        link.refresh_from_db()
        assert link.via == "played_whatsapp"
