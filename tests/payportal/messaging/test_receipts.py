"""What carriers tell afterwards: ordered by state rather than arrival, and told any number of times."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from typing import Literal

import pytest

from billing.models import Customer, LinkEvent, Operator, PaymentLink
from payportal.messaging import delivering, receipts
from payportal.messaging.channels.base import News, Outgoing, Receipt, Said
from payportal.messaging.models import ContactMedium, Handover, Message, MessagingPolicy, ReminderRule
from tests.payportal.messaging.carrier import PlayedCarrier, registered, speak
from tests.payportal.messaging.story import NOW, write
from tests.threads import at_once

pytestmark = pytest.mark.django_db
Status, Outcome = Message.Status, Handover.Outcome
State = Literal["accepted", "delivered", "read", "undelivered"]
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def carrier(kari: Customer) -> Iterator[PlayedCarrier]:
    made = PlayedCarrier()
    with registered(made, PlayedCarrier("played_sms", "sms")):
        speak(kari, made.code)
        yield made


@pytest.fixture
def message(kari: Customer, link: PaymentLink, carrier: PlayedCarrier) -> Message:
    made = write(kari, "link:1", template="link", context={}, link=link)
    assert delivering.deliver(made.pk, NOW)
    return made


def take(*news: News, account: str = "default", channel: str = "played_whatsapp") -> int:
    return receipts.take(channel, account, news, LATER)


def kinds(link: PaymentLink | None) -> list[str]:
    return list(LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", flat=True))[1:]


def test_it_works(message: Message, carrier: PlayedCarrier) -> None:
    assert take(carrier.receipt("delivered")) == 1
    message.refresh_from_db()
    assert (message.status, message.delivered_at, message.read_at) == (Status.DELIVERED, LATER, None)
    assert message.handovers.get().outcome == Outcome.DELIVERED
    assert take(carrier.receipt("read")) == 1
    message.refresh_from_db()
    assert (message.status, message.read_at) == (Status.READ, LATER)
    assert kinds(message.link) == ["sent", "delivered", "read"]


@pytest.mark.parametrize("order", list(permutations(["accepted", "delivered", "read"])))
def test_the_order_of_arrival_changes_nothing_nor_does_a_second_time(
    message: Message, carrier: PlayedCarrier, order: tuple[State, ...]
) -> None:
    for state in [*order, *order]:
        take(carrier.receipt(state))
    message.refresh_from_db()
    assert (message.status, message.handovers.get().outcome) == (Status.READ, Outcome.READ)
    assert message.delivered_at
    assert kinds(message.link).count("read") == kinds(message.link).count("sent") == 1


def test_the_same_twice_is_no_news(message: Message, carrier: PlayedCarrier) -> None:
    assert take(carrier.receipt("delivered"), carrier.receipt("delivered")) == 1
    assert take(carrier.receipt("accepted")) == 0
    assert kinds(message.link) == ["sent", "delivered"]


@pytest.mark.parametrize("state", ["accepted", "delivered", "read"])
def test_a_receipt_may_come_before_our_own_answer_is_stored(
    kari: Customer, link: PaymentLink, carrier: PlayedCarrier, state: State
) -> None:
    carrier.meanwhile = lambda told: None if take(Receipt(state, handover=told.handover)) else pytest.fail("not taken")
    made = write(kari, "link:1", template="link", context={}, link=link)
    assert delivering.deliver(made.pk, NOW)
    made.refresh_from_db()
    row = made.handovers.get()
    assert row.outcome == state
    assert row.channel_reference == "played_whatsapp-0"
    assert made.sent_at
    assert kinds(link).count("sent") == 1


def test_a_final_failure_before_our_own_answer_is_stored_counts(
    kari: Customer, link: PaymentLink, carrier: PlayedCarrier
) -> None:
    speak(kari, carrier.code, "played_sms")

    def fail(told: Outgoing) -> None:
        take(Receipt("undelivered", handover=told.handover))

    carrier.meanwhile = fail
    made = write(kari, "link:1", template="link", context={}, link=link)
    assert not delivering.deliver(made.pk, NOW)
    made.refresh_from_db()
    assert (made.status, made.channel) == (Status.QUEUED, "played_sms")


def test_a_worker_that_died_is_answered_by_the_receipt(kari: Customer, carrier: PlayedCarrier) -> None:
    """What nobody could tell is told after all: nothing is asked, nothing is sent again."""
    carrier.words, carrier.answer = ["taken"], "cannot"
    made = write(kari)
    delivering.deliver(made.pk, NOW)
    delivering.deliver(made.pk, LATER)
    made.refresh_from_db()
    assert made.status == Status.FAILED
    assert take(carrier.receipt("delivered")) == 1
    made.refresh_from_db()
    assert (made.status, made.error) == (Status.DELIVERED, "")


def test_the_carriers_own_reference_is_enough(message: Message) -> None:
    assert take(Receipt("delivered", channel_reference="played_whatsapp-0")) == 1


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt("read"),
        Receipt("read", handover="no-such"),
        Receipt("read", channel_reference="no-such"),
        Receipt("read", handover="no-such", channel_reference="no-such"),
    ],
)
def test_a_receipt_of_nothing_changes_nothing(message: Message, receipt: Receipt) -> None:
    assert take(receipt) == 0
    message.refresh_from_db()
    assert message.status == Status.SENT


def test_another_carrier_or_account_has_no_say(message: Message, carrier: PlayedCarrier) -> None:
    told = carrier.receipt("delivered")
    assert take(told, channel="played_sms") == 0
    assert take(Receipt("delivered", channel_reference=told.channel_reference), account="other") == 0


def test_what_it_cost_is_kept(message: Message) -> None:
    take(Receipt("delivered", channel_reference="played_whatsapp-0"))
    take(Receipt("accepted", channel_reference="played_whatsapp-0", cost_micros=75_000, cost_currency="USD"))
    row = message.handovers.get()
    assert (row.outcome, row.cost_micros, row.cost_currency) == (Outcome.DELIVERED, 75_000, "USD")


def test_a_final_failure_without_a_second_channel_ends_it(message: Message, carrier: PlayedCarrier) -> None:
    told = carrier.receipt("undelivered")
    news = Receipt("undelivered", handover=told.handover, error="30003", mark="unreachable")
    assert take(news, news) == 1
    message.refresh_from_db()
    assert (message.status, message.error) == (Status.FAILED, "30003")
    assert kinds(message.link) == ["sent", "undelivered"]
    kept = ContactMedium.objects.get()
    assert (kept.medium, kept.address, bool(kept.unreachable_at)) == ("whatsapp", message.customer.phone, True)


def test_the_mark_is_not_put_on_a_number_that_is_new_since(message: Message, carrier: PlayedCarrier) -> None:
    customer = message.customer
    Handover.objects.update(last_digits="xx")
    take(Receipt("undelivered", handover=carrier.receipt("undelivered").handover, mark="unreachable"))
    assert not ContactMedium.objects.filter(address=customer.phone).exists()


def test_a_final_failure_after_sending_leads_to_the_second_channel_once(
    kari: Customer, message: Message, carrier: PlayedCarrier
) -> None:
    speak(kari, carrier.code, "played_sms")
    told = carrier.receipt("undelivered")
    assert take(told, told, told) == 1
    message.refresh_from_db()
    assert (message.status, message.channel, message.attempts) == (Status.QUEUED, "played_sms", 0)
    assert delivering.deliver(message.pk, LATER)
    assert take(told) == 0
    message.refresh_from_db()
    assert (message.status, message.channel) == (Status.SENT, "played_sms")
    assert kinds(message.link) == ["sent", "undelivered", "fallback", "sent"]
    assert message.link is not None
    assert PaymentLink.objects.get(pk=message.link.pk).via == "played_sms"


def test_no_missing_receipt_leads_to_the_second_channel(
    kari: Customer, message: Message, carrier: PlayedCarrier
) -> None:
    speak(kari, carrier.code, "played_sms")
    assert delivering.due(NOW + timedelta(days=365), 10) == []


def test_the_failure_of_a_sending_that_was_given_up_says_nothing_of_the_next_one(
    kari: Customer, carrier: PlayedCarrier
) -> None:
    speak(kari, carrier.code, "played_sms", on_unknown="again")
    carrier.words, carrier.answer = ["taken"], "cannot"
    made = write(kari)
    at = NOW
    for _ in range(3):
        delivering.deliver(made.pk, at)
        at += timedelta(minutes=5)
    assert take(carrier.receipt("undelivered", 0)) == 1
    made.refresh_from_db()
    assert (made.status, made.channel) == (Status.SENT, carrier.code)
    assert take(carrier.receipt("undelivered", 1)) == 1
    made.refresh_from_db()
    assert (made.status, made.channel) == (Status.QUEUED, "played_sms")


def test_what_arrived_is_not_taken_back(message: Message, carrier: PlayedCarrier) -> None:
    take(carrier.receipt("delivered"))
    assert take(carrier.receipt("undelivered")) == 0
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_what_arrives_after_all_is_not_sent_on_the_second_channel(
    kari: Customer, message: Message, carrier: PlayedCarrier
) -> None:
    """The carrier changes its mind between its final failure and our second sending."""
    speak(kari, carrier.code, "played_sms")
    take(carrier.receipt("undelivered"), carrier.receipt("delivered"))
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert delivering.due(NOW + timedelta(days=1), 10) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_receipts_on_eight_threads_lead_to_one_end(kari: Customer, link: PaymentLink, carrier: PlayedCarrier) -> None:
    for number in range(25):
        made = write(kari, f"link:{number}", template="link", context={}, link=link)
        delivering.deliver(made.pk, NOW)
        told = [carrier.receipt(state, number) for state in ("accepted", "delivered", "read", "read")] * 2
        at_once(*[lambda each=each: take(each) for each in told])
        made.refresh_from_db()
        assert made.status == Status.READ
    assert kinds(link).count("sent") == kinds(link).count("read") == 25


def stop(sender: str, account: str = "default") -> int:
    return take(Said(sender, "stop"), account=account)


def test_who_writes_stop_gets_nothing_more(kari: Customer, message: Message, carrier: PlayedCarrier) -> None:
    assert stop(kari.phone) == 1
    assert stop(kari.phone) == 0
    kept = ContactMedium.objects.get()
    assert (kept.operator, kept.medium, kept.address, kept.reason) == (kari.operator, "whatsapp", kari.phone, "stop")
    assert kept.opted_out_at == LATER
    assert kinds(message.link) == ["sent", "opted_out"]
    other = write(kari, "on:2")
    delivering.deliver(other.pk, LATER)
    other.refresh_from_db()
    assert other.status == Status.WITHHELD


def test_who_writes_start_hears_from_us_again(kari: Customer, message: Message) -> None:
    stop(kari.phone)
    assert take(Said(kari.phone, "start")) == 1
    assert take(Said(kari.phone, "start")) == 0
    assert delivering.deliver(write(kari, "on:2").pk, LATER)


def test_anything_else_that_is_said_changes_nothing(kari: Customer, message: Message) -> None:
    assert take(Said(kari.phone, "other")) == 0
    assert not ContactMedium.objects.exists()


def test_stop_holds_for_the_operators_of_the_account_alone(kari: Customer, message: Message) -> None:
    def operator(code: str, channel: str, account: str) -> Operator:
        made = Operator.objects.create(
            code=code,
            name=code,
            host=f"{code}.example",
            brand_color="#112233",
            currency="NOK",
            country="NO",
            languages=["en"],
            help_phone="+47 22 00 00 00",
            channel=channel,
        )
        MessagingPolicy.objects.create(operator=made, account=account)
        return made

    same = operator("same", "played_whatsapp", "default")
    reminds = operator("reminds", "email", "default")
    ReminderRule.objects.create(operator=reminds, code="late", days=3, at="10:00", channel="played_whatsapp")
    operator("elsewhere", "played_whatsapp", "other")
    operator("other-channel", "email", "default")
    stop(kari.phone)
    assert set(ContactMedium.objects.values_list("operator", flat=True)) == {kari.operator_id, same.pk, reminds.pk}


def test_stop_holds_for_an_operator_that_wrote_by_this_account_once(kari: Customer, message: Message) -> None:
    speak(kari, "email")
    assert stop(kari.phone) == 1
    assert ContactMedium.objects.get().operator == kari.operator


def test_a_mailbox_is_one_however_it_is_written(kari: Customer) -> None:
    speak(kari, "email")
    kari.email = "Kari@Example.com"
    kari.save()
    receipts.take("email", "default", [Said(" KARI@example.com ", "stop")], LATER)
    made = write(kari)
    delivering.deliver(made.pk, LATER)
    made.refresh_from_db()
    assert (made.status, made.error) == (Status.WITHHELD, "opted_out")
