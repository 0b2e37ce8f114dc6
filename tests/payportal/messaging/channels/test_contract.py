"""What every channel must do, whatever carries it. A new channel is added to ``FAR_SIDES``, with a server that
plays its carrier, and passes all of this."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django import Settings

from payportal.messaging.channels import REGISTRY
from payportal.messaging.channels.base import (
    BadKeys,
    CannotTell,
    InvalidSignature,
    NotSent,
    Receipt,
    Refused,
    Said,
    SendUnknown,
)
from payportal.messaging.channels.wishes import Wish
from tests.payportal.messaging.channels.exotel_server import (
    ExotelSmsServer,
    ExotelWhatsAppServer,
    SignedExotelWhatsAppServer,
)
from tests.payportal.messaging.channels.far_sides import HANDOVER, MESSAGE, PHONE, CarrierServer, FarSide, Posted
from tests.payportal.messaging.channels.mail_side import MailSide, PhoneSide
from tests.payportal.messaging.channels.postmark_server import RECIPIENT, PostmarkServer
from tests.payportal.messaging.channels.twilio_server import TwilioServer
from tests.payportal.messaging.channels.whatsapp_server import WhatsAppServer

pytestmark = pytest.mark.django_db
# A channel that has several kinds of far side stands here with each of them.
FAR_SIDES: list[tuple[str, type[FarSide]]] = [
    ("email", MailSide),
    ("email", PostmarkServer),
    ("exotel_sms", ExotelSmsServer),
    ("exotel_whatsapp", ExotelWhatsAppServer),
    ("exotel_whatsapp", SignedExotelWhatsAppServer),
    ("outbox", PhoneSide),
    ("twilio_sms", TwilioServer),
    ("twilio_whatsapp", TwilioServer),
    ("whatsapp_cloud", WhatsAppServer),
]
CARRIERS = [(code, made) for code, made in FAR_SIDES if issubclass(made, CarrierServer)]


@pytest.fixture(params=FAR_SIDES, ids=lambda far: f"{far[0]}-{far[1].__name__}")
def side(request: pytest.FixtureRequest, settings: Settings) -> Iterator[FarSide]:
    code, made = request.param
    with made(code, settings).running() as running:
        yield running


@pytest.fixture(params=CARRIERS, ids=lambda far: f"{far[0]}-{far[1].__name__}")
def carrier(request: pytest.FixtureRequest, settings: Settings) -> Iterator[CarrierServer]:
    code, made = request.param
    with made(code, settings).running() as running:
        yield running


def test_every_channel_there_is_stands_here() -> None:
    assert {code for code, made in FAR_SIDES} == set(REGISTRY)


def test_it_works(side: FarSide) -> None:
    side.channel.send(side.message)
    [text] = side.arrived()
    assert "Film er på. <b>=1+1</b>" in text


def test_its_code_is_the_one_it_is_registered_under(side: FarSide) -> None:
    assert type(REGISTRY[side.channel.code]) is type(side.channel)
    assert side.channel.reaches == ("email" if side.channel.medium == "email" else "phone")


def test_a_second_sending_is_known_by_its_occasion_or_is_a_message_of_its_own(side: FarSide) -> None:
    first, second = side.channel.send(side.message), side.channel.send(side.message)
    assert (first == second) is side.knows_occasions
    assert side.channel.send(replace(side.message, reference="on:2")) != first


def test_asking_finds_what_arrived_or_says_that_it_cannot(side: FarSide) -> None:
    other = side.question(reference="on:2", handover="another", code="ANOTHER11")
    try:
        assert side.channel.look_up(side.question()) is None
    except CannotTell:
        with pytest.raises(CannotTell):
            side.channel.look_up(other)
    else:
        sent = side.channel.send(side.message)
        assert side.channel.look_up(side.question()) == sent
        assert side.channel.look_up(other) is None


def test_a_message_says_nothing_secret_of_itself(side: FarSide) -> None:
    """It may stand in a log or an error: neither who it is for, nor what it says, nor what it opens."""
    shown = repr(side.message) + str(side.message) + repr(side.question())
    assert "secret-address" not in shown
    assert side.to not in shown
    assert "=1+1" not in shown


def test_an_account_that_we_do_not_have_receives_nothing(carrier: CarrierServer) -> None:
    posted = carrier.receipt("delivered")
    with pytest.raises(KeyError):
        carrier.channel.receive("unknown", posted.url, posted.headers, posted.body)


def test_an_account_that_we_do_not_have_sends_nothing(carrier: CarrierServer) -> None:
    """Mail has one sender for all accounts."""
    message = replace(carrier.message, account="unknown")
    if carrier.channel.medium == "email":
        carrier.channel.send(message)
        return
    with pytest.raises(Refused):
        carrier.channel.send(message)
    with pytest.raises((SendUnknown, CannotTell)):
        carrier.channel.look_up(carrier.question(account="unknown"))
    assert carrier.asked == []


def test_wrong_keys_are_an_alarm(carrier: CarrierServer) -> None:
    carrier.lose_keys()
    with pytest.raises(BadKeys) as failure:
        carrier.channel.send(carrier.message)
    assert carrier.arrived() == []
    assert says_nothing(failure.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_our_keys_is_an_alarm(carrier: CarrierServer, status: int) -> None:
    carrier.fail_with(status)
    with pytest.raises(BadKeys):
        carrier.channel.send(carrier.message)


def test_a_number_that_cannot_be_reached_is_marked_and_never_tried_again(carrier: CarrierServer) -> None:
    carrier.refuse_number()
    with pytest.raises(Refused) as refusal:
        carrier.channel.send(carrier.message)
    assert refusal.value.mark == "unreachable"
    assert says_nothing(refusal.value)
    assert carrier.arrived() == []


def test_a_carrier_that_has_too_much_to_do_says_how_long_to_wait(carrier: CarrierServer) -> None:
    carrier.fail_with(429, {"Retry-After": "7"})
    with pytest.raises(NotSent) as failure:
        carrier.channel.send(carrier.message)
    assert failure.value.retry_after == 7
    assert not isinstance(failure.value, BadKeys)


@pytest.mark.parametrize(
    "asked, seconds",
    [
        ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
        ("Sun, 06 Nov 1994 08:49:30 GMT", 0),
        ("soon", None),
        ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
        ("-5", None),
        ("9" * 400, 24 * 3600),
        ("", None),
    ],
)
def test_how_long_to_wait_may_be_a_date_or_nonsense(carrier: CarrierServer, asked: str, seconds: float | None) -> None:
    """RFC 9110, 10.2.3; a date counts from the carrier's own clock."""
    carrier.fail_with(429, {"Retry-After": asked, "Date": "Sun, 06 Nov 1994 08:49:37 GMT"})
    with pytest.raises(NotSent) as failure:
        carrier.channel.send(carrier.message)
    assert failure.value.retry_after == seconds


def test_a_carrier_that_is_away_has_sent_nothing(carrier: CarrierServer) -> None:
    carrier.use("http://127.0.0.1:9")
    with pytest.raises(NotSent) as failure:
        carrier.channel.send(carrier.message)
    assert says_nothing(failure.value)


def test_a_carrier_whose_name_is_unknown_has_sent_nothing(carrier: CarrierServer) -> None:
    carrier.use("http://carrier.invalid")
    with pytest.raises(NotSent):
        carrier.channel.send(carrier.message)


def test_a_carrier_that_does_not_prove_who_it_is_gets_nothing(carrier: CarrierServer) -> None:
    carrier.use(carrier.base.replace("http:", "https:"))
    with pytest.raises(NotSent):
        carrier.channel.send(carrier.message)
    assert carrier.asked == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_carrier_that_breaks_down_may_have_taken_it(carrier: CarrierServer, status: int) -> None:
    carrier.fail_with(status)
    with pytest.raises(SendUnknown) as failure:
        carrier.channel.send(carrier.message)
    assert says_nothing(failure.value)


def test_an_answer_that_never_comes_leaves_it_unknown(carrier: CarrierServer) -> None:
    carrier.settings.CARRIER_TIMEOUT_SECONDS = 0.3
    carrier.hang()
    with pytest.raises(SendUnknown) as failure:
        carrier.channel.send(carrier.message)
    assert says_nothing(failure.value)


def test_an_answer_that_breaks_off_leaves_it_unknown_and_asking_settles_it(carrier: CarrierServer) -> None:
    carrier.take_and_break()
    with pytest.raises(SendUnknown):
        carrier.channel.send(carrier.message)
    assert len(carrier.arrived()) == 1
    carrier.recover()
    try:
        assert carrier.channel.look_up(carrier.question())
    except CannotTell:
        pass


def test_an_answer_that_drips_keeps_nobody_longer_than_a_claim(carrier: CarrierServer) -> None:
    """Each byte is in time for a socket's time-out: the whole call has one of its own."""
    carrier.settings.CARRIER_TIMEOUT_SECONDS = 0.4
    carrier.take_and_drip()
    began = time.monotonic()
    with pytest.raises(SendUnknown):
        carrier.channel.send(carrier.message)
    assert time.monotonic() - began < 5
    assert len(carrier.arrived()) == 1


def test_success_that_cannot_be_read_leaves_it_unknown(carrier: CarrierServer) -> None:
    carrier.answer_nonsense()
    with pytest.raises(SendUnknown):
        carrier.channel.send(carrier.message)


def test_a_redirect_is_not_followed(carrier: CarrierServer) -> None:
    """It would carry our keys and a customer's number to somebody else."""
    carrier.redirect()
    with pytest.raises(SendUnknown):
        carrier.channel.send(carrier.message)
    assert not [asked for asked in carrier.asked if "elsewhere" in asked.path]


def test_the_environments_proxies_are_not_used(carrier: CarrierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    carrier.channel.send(carrier.message)
    assert len(carrier.arrived()) == 1


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_question_without_an_answer_is_no_answer(carrier: CarrierServer, status: int) -> None:
    """None would mean that the message may go out again."""
    carrier.fail_with(status)
    with pytest.raises((SendUnknown, CannotTell)):
        carrier.channel.look_up(carrier.question())


def test_a_question_that_nobody_hears_is_no_answer(carrier: CarrierServer) -> None:
    carrier.use("http://127.0.0.1:9")
    with pytest.raises((SendUnknown, CannotTell)):
        carrier.channel.look_up(carrier.question())


def test_a_question_answered_with_nonsense_is_no_answer(carrier: CarrierServer) -> None:
    carrier.answer_nonsense()
    with pytest.raises((SendUnknown, CannotTell)):
        carrier.channel.look_up(carrier.question())


def test_what_became_of_a_message_comes_back(carrier: CarrierServer) -> None:
    for state in carrier.states:
        [news] = received(carrier, carrier.receipt(state))
        assert isinstance(news, Receipt)
        assert news.state == state
        assert news.handover == HANDOVER or news.channel_reference == "known"
        assert bool(news.error) is (state == "undelivered")
        assert says_nothing(ValueError(repr(news)))


def test_what_a_customer_wants_is_understood_and_the_words_are_not_kept(carrier: CarrierServer) -> None:
    words: dict[str, Wish] = {"STOP": "stop", " stopp. ": "stop", "Start": "start", "Hei!": "other"}
    for text, wish in words.items() if carrier.hears else ():
        assert received(carrier, carrier.said(text)) == [Said(carrier.to, wish)]


def test_what_is_not_signed_is_refused(carrier: CarrierServer) -> None:
    posted = carrier.receipt("delivered")
    assert received(carrier, posted)
    for forged in forgeries(carrier, posted):
        with pytest.raises(InvalidSignature):
            received(carrier, forged)


def test_what_others_signed_is_refused(carrier: CarrierServer) -> None:
    posted = carrier.receipt("delivered")
    carrier.lose_keys()
    with pytest.raises(InvalidSignature):
        received(carrier, posted)


def test_every_changed_byte_is_found(carrier: CarrierServer) -> None:
    posted = carrier.receipt("delivered")
    for place in range(len(posted.body) if carrier.signs_body else 0):
        changed = bytearray(posted.body)
        changed[place] ^= 0x01
        with pytest.raises((InvalidSignature, ValueError)):
            received(carrier, replace(posted, body=bytes(changed)))


@pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailInsecureWebhookWarning")
def test_without_a_key_nothing_is_believed(carrier: CarrierServer) -> None:
    posted = carrier.receipt("delivered")
    carrier.drop_webhook_keys()
    with pytest.raises((InvalidSignature, KeyError)):
        received(carrier, posted)


def test_asking_what_is_left_fails_in_the_two_known_ways(carrier: CarrierServer) -> None:
    carrier.channel.credit("default")
    for status, error in ((429, SendUnknown), (500, SendUnknown), (401, BadKeys)):
        carrier.fail_with(status)
        try:
            told = carrier.channel.credit("default")
        except error:
            continue
        # Who tells nothing asks nobody.
        assert told.micros is None


def test_nothing_stays_behind_from_one_message_to_the_next(carrier: CarrierServer) -> None:
    """A carrier that failed is fully used again at once."""
    carrier.fail_with(500)
    with pytest.raises(SendUnknown):
        carrier.channel.send(carrier.message)
    carrier.recover()
    carrier.channel.send(carrier.message)
    assert len(carrier.arrived()) == 1


def received(carrier: CarrierServer, posted: Posted) -> list[object]:
    return list(carrier.channel.receive("default", posted.url, posted.headers, posted.body))


def forgeries(carrier: CarrierServer, posted: Posted) -> list[Posted]:
    """Without any proof, and with one that is wrong."""
    content_type = {name: value for name, value in posted.headers.items() if name == "Content-Type"}
    bare = replace(posted, headers=content_type, url=posted.url.partition("?")[0])
    wrong = {name: value[:-3] + "xyz" for name, value in posted.headers.items() if name != "Content-Type"}
    return [bare, replace(bare, body=b""), replace(bare, headers=content_type | wrong)]


def says_nothing(error: BaseException) -> bool:
    """Whether an error's words hold neither number, text nor address, nor those of what caused it."""
    shown = f"{error} {error!r} {error.__cause__!r}"
    return not any(secret in shown for secret in (PHONE, PHONE[1:], RECIPIENT, "Film", "secret-address", MESSAGE.code))
