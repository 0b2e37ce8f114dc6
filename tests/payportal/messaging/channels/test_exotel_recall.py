"""An SMS by Exotel whose receipt never came, and what it cost: asked for by Exotel's own reference."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from billing.models import Customer
from payportal.messaging import delivering, recalling
from payportal.messaging.channels.base import CannotTell, SendUnknown
from payportal.messaging.channels.exotel import ExotelSms, ExotelWhatsApp
from payportal.messaging.models import ContactMedium, Handover, Message
from tests.payportal.messaging.carrier import speak
from tests.payportal.messaging.channels.exotel_server import SID, ExotelSmsServer
from tests.payportal.messaging.channels.far_sides import Reply
from tests.payportal.messaging.story import NOW, write

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def exotel(settings: Settings, kari: Customer) -> Iterator[ExotelSmsServer]:
    speak(kari, "exotel_sms")
    with ExotelSmsServer("exotel_sms", settings).running() as running:
        yield running  # type: ignore[misc]


@pytest.fixture
def sent(exotel: ExotelSmsServer, kari: Customer) -> Message:
    message = write(kari)
    assert delivering.deliver(message.pk, NOW)
    return message


def again(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def told(exotel: ExotelSmsServer, **details: Any) -> None:
    """From now on Exotel says this of the first message."""
    exotel.details[f"{1:032x}"] = details


def questions(exotel: ExotelSmsServer) -> list[str]:
    return [asked.path for asked in exotel.asked if asked.method == "GET"]


def test_it_works(exotel: ExotelSmsServer, sent: Message) -> None:
    told(exotel, Status="sent", DetailedStatus="DELIVERED_TO_HANDSET", DetailedStatusCode=20005, Price=0.18)
    assert recalling.recall(NOW + HOUR) == 1
    assert again(sent).status == Message.Status.DELIVERED
    [handover] = sent.handovers.all()
    assert (handover.cost_micros, handover.cost_currency) == (180_000, "INR")
    assert questions(exotel) == [f"/v1/Accounts/{SID}/SMS/Messages/{1:032x}.json"]


def test_what_is_known_is_not_asked_for_twice(exotel: ExotelSmsServer, sent: Message) -> None:
    told(exotel, Status="sent", DetailedStatus="DELIVERED_TO_HANDSET", Price="0.18")
    assert [recalling.recall(NOW + HOUR) for _ in range(2)] == [1, 0]
    assert len(questions(exotel)) == 1


def test_a_price_told_late_is_kept_though_it_is_no_news(exotel: ExotelSmsServer, sent: Message) -> None:
    told(exotel, Status="sent", DetailedStatus="DELIVERED_TO_HANDSET")
    assert recalling.recall(NOW + HOUR) == 1
    assert Handover.objects.get().cost_micros is None
    told(exotel, Status="sent", DetailedStatus="DELIVERED_TO_HANDSET", Price=0.18)
    assert recalling.recall(NOW + HOUR) == 0
    assert Handover.objects.get().cost_micros == 180_000


def test_a_final_failure_that_got_lost_marks_the_number(exotel: ExotelSmsServer, sent: Message) -> None:
    told(exotel, Status="failed", DetailedStatus="FAILED_INVALID_DESTINATION_NUMBER", Price=0)
    assert [recalling.recall(NOW + HOUR) for _ in range(2)] == [1, 0]
    assert again(sent).status == Message.Status.FAILED
    assert ContactMedium.objects.get(medium="sms").unreachable_at


@pytest.mark.parametrize("status", ["queued", "sending", "submitted", "weighing", ""])
def test_what_is_still_under_way_stays_so(exotel: ExotelSmsServer, sent: Message, status: str) -> None:
    told(exotel, Status=status)
    for at in (NOW + HOUR, NOW + timedelta(days=2)):
        assert recalling.recall(at) == 0
    assert again(sent).status == Message.Status.SENT
    assert len(exotel.messages) == 1


@pytest.mark.parametrize("at", [NOW + timedelta(minutes=5), NOW + timedelta(days=4)])
def test_what_is_too_young_or_too_old_is_not_asked_for(exotel: ExotelSmsServer, sent: Message, at: datetime) -> None:
    told(exotel, Status="failed")
    assert recalling.recall(at) == 0
    assert questions(exotel) == []


def test_what_exotel_does_not_know_stays_as_it_is(exotel: ExotelSmsServer, sent: Message) -> None:
    """It answers 200 with other words then (docs/sms-api/api-reference/status-codes)."""
    exotel.details.clear()
    assert recalling.recall(NOW + HOUR) == 0
    assert again(sent).status == Message.Status.SENT


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_carrier_that_fails_is_asked_again_another_time(exotel: ExotelSmsServer, sent: Message, status: int) -> None:
    exotel.fail_with(status)
    assert recalling.recall(NOW + HOUR) == 0
    exotel.recover()
    told(exotel, Status="delivered")
    assert recalling.recall(NOW + HOUR) == 1


@pytest.mark.parametrize("body", [{"SMSMessage": {"Sid": "another", "Status": "failed"}}, {"SMSMessage": 1}, {}, b"x"])
def test_an_answer_about_something_else_is_none(exotel: ExotelSmsServer, sent: Message, body: Any) -> None:
    exotel._fault = lambda handler, asked: handler.reply(Reply(200, body))
    assert ExotelSms().recall_one("default", f"{1:032x}") is None
    assert recalling.recall(NOW + HOUR) == 0
    assert again(sent).status == Message.Status.SENT


@pytest.mark.parametrize("price", [None, "", "free", "NaN", "Infinity", 1e300, True, {}])
def test_a_price_that_is_none_is_not_kept(exotel: ExotelSmsServer, sent: Message, price: Any) -> None:
    told(exotel, Status="delivered", Price=price)
    assert recalling.recall(NOW + HOUR) == 1
    assert Handover.objects.get().cost_micros is None


def test_one_run_asks_for_a_part_and_the_next_ones_for_the_rest(
    exotel: ExotelSmsServer, kari: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exotel takes 200 requests a minute, of which sending needs some too."""
    monkeypatch.setattr(recalling, "MOST_QUESTIONS", 2)
    for number in range(5):
        assert delivering.deliver(write(kari, f"on:{number}").pk, NOW)
    for sid in exotel.details:
        exotel.details[sid] = {"Status": "delivered", "Price": 0.18}
    assert [recalling.recall(NOW + HOUR) for _ in range(4)] == [2, 2, 1, 0]
    assert len(questions(exotel)) == len(set(questions(exotel))) == 5


def test_what_nothing_is_told_of_keeps_nothing_else_waiting(
    exotel: ExotelSmsServer, sent: Message, kari: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that stays on its way, nor one whose answer broke off before it gave a reference."""
    monkeypatch.setattr(recalling, "MOST_QUESTIONS", 1)
    broken = write(kari, "on:broken")
    exotel.take_and_break()
    assert not delivering.deliver(broken.pk, NOW)
    exotel.recover()
    last = write(kari, "on:last")
    assert delivering.deliver(last.pk, NOW + timedelta(minutes=1))
    exotel.details[last.handovers.get().channel_reference] = {"Status": "delivered", "Price": 0.18}
    # Which of the two it is that a run asks for is chance: that it is the wrong one 60 times is not.
    with capture_logs() as lines:
        assert sum(recalling.recall(NOW + HOUR) for _ in range(60)) == 1
    assert "carrier_not_asked" not in [line["event"] for line in lines]
    assert again(last).status == Message.Status.DELIVERED
    assert again(broken).status == Message.Status.UNKNOWN


def test_a_reference_is_a_part_of_the_address_only_as_letters_and_digits(exotel: ExotelSmsServer) -> None:
    with pytest.raises(SendUnknown):
        ExotelSms().recall_one("default", "../../Balance")
    assert exotel.asked == []


def test_whatsapp_messages_cannot_be_asked_for(kari: Customer, settings: Settings) -> None:
    with pytest.raises(CannotTell):
        ExotelWhatsApp().recall_one("default", "s")
    speak(kari, "exotel_whatsapp")
    assert recalling.recall(NOW + HOUR) == 0
