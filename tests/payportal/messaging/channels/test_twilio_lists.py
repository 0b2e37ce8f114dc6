"""Twilio's list of messages: how a lost one is found, and how receipts and prices are asked for."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
from pytest_django import Settings

from billing.models import Operator
from payportal.messaging import codes
from payportal.messaging.channels import twilio
from payportal.messaging.channels.base import CannotTell, Receipt, SendUnknown
from payportal.messaging.channels.twilio import TwilioSms, TwilioWhatsApp
from tests.payportal.messaging.channels.far_sides import PHONE, Reply
from tests.payportal.messaging.channels.twilio_server import TwilioServer
from tests.world import NOW


@pytest.fixture
def sms(settings: Settings) -> Iterator[TwilioServer]:
    with TwilioServer("twilio_sms", settings).running() as running:
        yield running  # type: ignore[misc]


@pytest.fixture
def whatsapp(settings: Settings) -> Iterator[TwilioServer]:
    with TwilioServer("twilio_whatsapp", settings).running() as running:
        yield running  # type: ignore[misc]


def test_a_lost_message_is_found_by_its_code_among_others(sms: TwilioServer) -> None:
    sids = [
        TwilioSms().send(replace(sms.message, body=f"Kode {code}", address="", code=code))
        for code in ("AAA-AAA-AAA", "K7M-42P-Q9X", "BBB-BBB-BBB")
    ]
    assert TwilioSms().look_up(sms.question()) == sids[1]
    assert TwilioSms().look_up(sms.question(code="CCCCCCCCC")) is None
    assert TwilioSms().look_up(sms.question(to="+447700900999")) is None


def test_what_a_customer_wrote_or_what_went_out_before_is_not_it(sms: TwilioServer) -> None:
    TwilioSms().send(sms.message)
    [kept] = sms.messages
    kept["date_created"] = format_datetime(NOW - timedelta(hours=1))
    assert TwilioSms().look_up(sms.question()) is None
    kept |= {"date_created": format_datetime(NOW), "direction": "inbound"}
    assert TwilioSms().look_up(sms.question()) is None
    kept["direction"] = "outbound-api"
    assert TwilioSms().look_up(sms.question()) == kept["sid"]


def test_a_list_of_several_pages_is_read_on(sms: TwilioServer) -> None:
    sms.page_limit = 2
    sent = TwilioSms().send(sms.message)
    for number in range(3):
        TwilioSms().send(replace(sms.message, body=f"another ABC-DEF-GH{number}", address=""))
    assert TwilioSms().look_up(sms.question()) == sent


def test_a_list_that_is_not_one_is_no_answer(sms: TwilioServer) -> None:
    for body in ({}, {"messages": None}, {"messages": [1]}, {"messages": [{"date_created": "soon"}]}, []):
        sms.listed = lambda asked, body=body: Reply(200, body)  # type: ignore[method-assign, misc]
        with pytest.raises(SendUnknown):
            TwilioSms().look_up(sms.question())


def test_a_list_without_end_is_no_answer(sms: TwilioServer) -> None:
    sms.page_limit = 1
    for number in range(4):
        TwilioSms().send(replace(sms.message, body=f"another ABC-DEF-GH{number}", address=""))
    with pytest.raises(SendUnknown):
        TwilioSms().look_up(sms.question())


def test_where_twilio_keeps_no_texts_it_can_tell_nothing(sms: TwilioServer) -> None:
    """None would let the message go out a second time."""
    TwilioSms().send(sms.message)
    sms.messages[0]["body"] = ""
    with pytest.raises(CannotTell):
        TwilioSms().look_up(sms.question())


def test_a_text_of_the_time_without_any_code_may_be_the_one(whatsapp: TwilioServer) -> None:
    """An approved template may leave the code out."""
    TwilioWhatsApp().send(replace(whatsapp.message, carrier_template="HX1", parameters=("Brisvik",)))
    with pytest.raises(CannotTell):
        TwilioWhatsApp().look_up(whatsapp.question())
    later = whatsapp.question(sent_at=NOW + timedelta(hours=1))
    assert TwilioWhatsApp().look_up(later) is None


def test_a_message_without_a_code_cannot_be_asked_for(sms: TwilioServer) -> None:
    with pytest.raises(CannotTell):
        TwilioSms().look_up(sms.question(code=""))
    assert sms.asked == []


def test_receipts_that_got_lost_and_prices_told_late_can_be_asked_for(sms: TwilioServer) -> None:
    sms.page_limit = 2
    changes: list[dict[str, object]] = [
        {"status": "delivered", "price": "-0.00750"},
        {"status": "undelivered", "error_code": 30005, "price": "-0.00750"},
        {"status": "sent"},
        {"status": "receiving"},
        {"status": "received", "direction": "inbound"},
        {"status": "delivered", "to": "whatsapp:" + PHONE},
        {"status": "delivered", "date_sent": format_datetime(NOW - timedelta(days=9))},
        {"status": "queued", "date_sent": None},
    ]
    sids = [TwilioSms().send(sms.message) for _ in changes]
    for message, change in zip(reversed(sms.messages), changes, strict=True):
        message |= {"date_sent": format_datetime(NOW)} | change
    pages = list(TwilioSms().recall("default", NOW - timedelta(days=1)))
    assert len(pages) == 3
    assert sorted((receipt for page in pages for receipt in page), key=lambda one: one.channel_reference) == [
        Receipt("delivered", channel_reference=sids[0], cost_micros=7500, cost_currency="USD"),
        Receipt(
            "undelivered",
            channel_reference=sids[1],
            error="Twilio 30005",
            mark="unreachable",
            cost_micros=7500,
            cost_currency="USD",
        ),
        Receipt("accepted", channel_reference=sids[2]),
    ]


def test_asking_for_everything_has_no_half_answer(sms: TwilioServer) -> None:
    sms.fail_with(500)
    with pytest.raises(SendUnknown):
        list(TwilioSms().recall("default", NOW))
    with pytest.raises(KeyError):
        list(TwilioSms().recall("unknown", NOW))


def test_codes_are_known_as_such_in_a_text() -> None:
    """Whether a text without our code can be another message depends on it."""
    code = codes.new_code(Operator(code="brisvik"))
    assert twilio.A_CODE.search(f"Pay here. Code {codes.shown(code)}\n")
    assert not twilio.A_CODE.search("Call 123-456-78901 or see AB-CDE-FGH")
