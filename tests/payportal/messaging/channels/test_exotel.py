"""Exotel: what is sent, what its answers mean, and what its callbacks say."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from environs import Env
from pytest_django import Settings
from structlog.testing import capture_logs

from payportal.messaging import accounts, segments
from payportal.messaging.channels.base import (
    BadKeys,
    Credit,
    InvalidSignature,
    NoCredit,
    Receipt,
    Refused,
    Said,
    SendUnknown,
)
from payportal.messaging.channels.exotel import ExotelSms, ExotelWhatsApp
from tests.payportal.messaging.channels.exotel_server import (
    FORM,
    SECRET,
    SENDER,
    ExotelSmsServer,
    ExotelWhatsAppServer,
    SignedExotelWhatsAppServer,
    sign,
)
from tests.payportal.messaging.channels.far_sides import CALLBACK, HANDOVER, MESSAGE, PHONE, Posted, Reply

PICTURE = "https://pay.example/q/AbC/dEf.jpg"


@pytest.fixture
def sms(settings: Settings) -> Iterator[ExotelSmsServer]:
    with ExotelSmsServer("exotel_sms", settings).running() as running:
        yield running  # type: ignore[misc]


@pytest.fixture
def whatsapp(settings: Settings) -> Iterator[ExotelWhatsAppServer]:
    with ExotelWhatsAppServer("exotel_whatsapp", settings).running() as running:
        yield running  # type: ignore[misc]


def received(channel: ExotelSms | ExotelWhatsApp, posted: Posted) -> list[Any]:
    return list(channel.receive("default", posted.url, posted.headers, posted.body))


def test_an_sms_goes_out(sms: ExotelSmsServer) -> None:
    assert ExotelSms().send(sms.message) == f"{1:032x}"
    assert sms.messages == [
        {
            "From": SENDER,
            "To": PHONE,
            "Body": MESSAGE.text,
            "EncodingType": "plain",
            "CustomField": HANDOVER,
            "StatusCallback": f"{CALLBACK}/exotel_sms/default?t={SECRET}",
        }
    ]


def test_indian_rules_get_their_entity(sms: ExotelSmsServer) -> None:
    sms.entity = "1101"
    sms.use(sms.base)
    ExotelSms().send(sms.message)
    assert sms.messages[0]["DltEntityId"] == "1101"


@pytest.mark.parametrize(
    "text, encoding",
    [
        ("It is on.", "plain"),
        ("Beløpet på £5 gjelder Æsops ñ {1} og 2 €.", "plain"),
        ("Łódź", "unicode"),
        ("आपका OTP 123456 है।", "unicode"),
        ("🎬", "unicode"),
    ],
)
def test_a_text_travels_in_the_alphabet_that_it_was_counted_in(sms: ExotelSmsServer, text: str, encoding: str) -> None:
    """https://developer.exotel.com/docs/sms-support/unicode-sms: ``plain`` is GSM-7."""
    ExotelSms().send(replace(sms.message, body=text, address=""))
    [message] = sms.messages
    assert (message["Body"], message["EncodingType"]) == (text, encoding)
    assert (segments.measure(text).encoding == "GSM-7") is (encoding == "plain")


def test_a_text_that_exotel_does_not_call_plain_goes_as_unicode_once(sms: ExotelSmsServer) -> None:
    """https://developer.exotel.com/docs/sms-support/sms-api-errors, "Encoding Mismatch": nothing was taken then."""
    sms.knows_ascii_alone = True
    assert ExotelSms().send(sms.message) == f"{1:032x}"
    assert [message["EncodingType"] for message in sms.messages] == ["unicode"]
    assert [asked.form["EncodingType"] for asked in sms.asked] == ["plain", "unicode"]


def test_a_refusal_for_another_reason_is_not_asked_about_twice(sms: ExotelSmsServer) -> None:
    sms.fail_with(400)
    with pytest.raises(Refused):
        ExotelSms().send(sms.message)
    assert len(sms.asked) == 1


def test_whatsapp_says_text(whatsapp: ExotelWhatsAppServer) -> None:
    assert ExotelWhatsApp().send(whatsapp.message) == f"{1:032x}"
    [message] = whatsapp.messages
    assert message["content"] == {"type": "text", "text": {"preview_url": False, "body": MESSAGE.text}}
    assert message["custom_data"] == HANDOVER


def test_whatsapp_shows_a_picture_by_its_address(whatsapp: ExotelWhatsAppServer) -> None:
    ExotelWhatsApp().send(replace(whatsapp.message, image=b"bytes", image_address=PICTURE))
    [message] = whatsapp.messages
    assert message["content"] == {"type": "image", "image": {"link": PICTURE, "caption": MESSAGE.text}}


def test_whatsapp_fills_a_template(whatsapp: ExotelWhatsAppServer) -> None:
    message = replace(whatsapp.message, carrier_template="due", parameters=("Brisvik",), image_address=PICTURE)
    ExotelWhatsApp().send(message)
    template = whatsapp.messages[0]["content"]["template"]
    assert template["name"] == "due"
    assert [component["type"] for component in template["components"]] == ["header", "body"]
    assert template["components"][0]["parameters"] == [{"type": "image", "image": {"link": PICTURE}}]


@pytest.mark.parametrize("status, kind", [(402, NoCredit), (403, BadKeys), (400, Refused), (409, Refused)])
def test_a_request_that_is_refused(whatsapp: ExotelWhatsAppServer, status: int, kind: type[Exception]) -> None:
    whatsapp.fail_with(status)
    with pytest.raises(kind) as failure:
        ExotelWhatsApp().send(whatsapp.message)
    assert type(failure.value) is kind


@pytest.mark.parametrize(
    "problem, kind",
    [
        # support.exotel.com/support/solutions/articles/48282-sending-an-sms
        ({"Message": "Insufficient balance to send the SMS"}, NoCredit),
        # developer.exotel.com/docs/sms-support/sms-api-errors
        ({"Message": "Insufficient account balance to send SMS.", "Code": "INSUFFICIENT_BALANCE"}, NoCredit),
        ({"Message": "Recharge", "Code": "INSUFFICIENT_BALANCE"}, NoCredit),
        # developer.exotel.com/docs/sms-api/api-reference/status-codes
        ({"Message": "Recharge", "Code": 40001}, NoCredit),
        ({"Message": "Your account is suspended. Contact support.", "Code": "ACCOUNT_SUSPENDED"}, BadKeys),
        ({"Message": "Account is not active", "Code": 40002}, BadKeys),
        ({"Message": None}, BadKeys),
    ],
)
def test_an_empty_account_is_told_from_one_that_may_not_send(
    sms: ExotelSmsServer, problem: dict[str, Any], kind: type[Exception]
) -> None:
    refused = Reply(403, {"RestException": {"Status": 403, **problem}})
    sms._fault = lambda handler, asked: handler.reply(refused)
    with pytest.raises(kind) as failure:
        ExotelSms().send(sms.message)
    assert type(failure.value) is kind
    assert str(failure.value) == "HTTP 403"


@pytest.mark.parametrize("code, kind", [(402, NoCredit), (401, BadKeys), (400, Refused), (500, SendUnknown)])
def test_a_message_that_is_refused_in_a_request_that_is_taken(
    whatsapp: ExotelWhatsAppServer, code: int, kind: type[Exception]
) -> None:
    refused = whatsapp.answered(code, None, {"code": 1, "message": "EX_UNKNOWN_ERROR"})
    whatsapp._fault = lambda handler, asked: handler.reply(refused)
    with pytest.raises(kind) as failure:
        ExotelWhatsApp().send(whatsapp.message)
    assert type(failure.value) is kind


@pytest.mark.parametrize(
    "content",
    [{}, {"response": None}, {"response": {"whatsapp": {"messages": []}}}, {"response": {"whatsapp": 1}}, []],
)
def test_an_answer_of_another_shape_is_no_answer(whatsapp: ExotelWhatsAppServer, content: Any) -> None:
    whatsapp._fault = lambda handler, asked: handler.reply(Reply(202, content))
    with pytest.raises(SendUnknown):
        ExotelWhatsApp().send(whatsapp.message)


def test_without_a_sender_it_is_an_alarm(sms: ExotelSmsServer) -> None:
    """Found by a look at the account too, before a message meets it."""
    for channel, sender in ((ExotelSms(), "sms_from"), (ExotelWhatsApp(), "whatsapp_from")):
        sms.settings.EXOTEL_ACCOUNTS = {"default": replace(sms.account("t", "s"), **{sender: ""})}
        with pytest.raises(BadKeys, match="no sender"):
            channel.send(sms.message)
        with pytest.raises(BadKeys, match="no sender"):
            channel.credit("default")
    assert sms.asked == []


@pytest.mark.parametrize(
    "status, detail, state, mark",
    [
        ("sent", "DELIVERED_TO_HANDSET", "delivered", ""),
        ("sent", "DELIVERED_TO_OPERATOR", "accepted", ""),
        ("sent", "", "accepted", ""),
        ("delivered", "", "delivered", ""),
        ("failed", "FAILED_INVALID_NUMBER", "undelivered", "unreachable"),
        ("failed_dnd", "FAILED_DND", "undelivered", "unreachable"),
        ("failed-dnd", "FAILED_REJECTED_DND", "undelivered", "unreachable"),
        ("failed", "FAILED_INVALID_DESTINATION_NUMBER", "undelivered", "unreachable"),
        ("failed", "FAILED_SUBSCRIBER_UNKNOWN", "undelivered", "unreachable"),
        ("failed", "FAILED_SUBSCRIBER_UNAVAILABLE", "undelivered", ""),
        ("failed", "FAILED_REJECTED_BLACKLIST", "undelivered", "opted_out"),
        ("failed", "FAILED_BLACKLISTED", "undelivered", "opted_out"),
        ("failed", "FAILED_SPAM", "undelivered", ""),
        ("expired", "", "undelivered", ""),
    ],
)
def test_what_became_of_an_sms(sms: ExotelSmsServer, status: str, detail: str, state: str, mark: str) -> None:
    form = {"SmsSid": "s", "To": PHONE, "Status": status, "DetailedStatus": detail, "CustomField": HANDOVER}
    [news] = received(ExotelSms(), Posted(sms.url(), FORM, urlencode(form).encode()))
    assert isinstance(news, Receipt)
    assert (news.state, news.mark, news.handover, news.channel_reference) == (state, mark, HANDOVER, "s")


def test_a_status_that_we_do_not_know_is_no_news(sms: ExotelSmsServer) -> None:
    with capture_logs() as lines:
        assert received(ExotelSms(), Posted(sms.url(), FORM, b"SmsSid=s&Status=weighing")) == []
    assert [line["event"] for line in lines] == ["exotel_report_unknown"]


# Numbers of phonenumbers' own examples: ten digits are a whole Norwegian number, or an Indian one without its country.
@pytest.mark.parametrize(
    "sender, number",
    [
        (PHONE, PHONE),
        (PHONE[1:], PHONE),
        ("4740612345", "+4740612345"),
        ("8123456789", "+918123456789"),
        ("08123456789", "+918123456789"),
        ("918123456789", "+918123456789"),
    ],
)
@pytest.mark.parametrize("write", [urlencode, json.dumps])
def test_who_wrote_is_known_with_a_plus_or_without_in_a_form_or_in_json(
    sms: ExotelSmsServer, sender: str, number: str, write: Callable[[dict[str, str]], str]
) -> None:
    """docs/sms-support/sms-webhooks has forms, docs/references/webhooks shows what is posted as JSON."""
    body = write({"SmsSid": "s", "From": sender, "To": "447700900001", "Body": "STOP"}).encode()
    assert received(ExotelSms(), Posted(sms.url(), FORM, body)) == [Said(number, "stop")]


def test_a_report_on_an_sms_may_be_json(sms: ExotelSmsServer) -> None:
    told = {"SmsSid": "s", "Status": "failed", "DetailedStatusCode": 23010, "CustomField": HANDOVER, "SmsUnits": 1}
    [news] = received(ExotelSms(), Posted(sms.url(), {}, json.dumps(told).encode()))
    assert (news.state, news.handover) == ("undelivered", HANDOVER)


@pytest.mark.parametrize("body", [b"[1]", b"{", b'{"From": 1}', b"", b"CallSid=c&CallType=completed"])
def test_a_post_about_no_sms_is_no_news_or_refused(sms: ExotelSmsServer, body: bytes) -> None:
    try:
        assert received(ExotelSms(), Posted(sms.url(), FORM, body)) == []
    except ValueError:
        pass


def test_a_number_that_is_none_is_no_news(sms: ExotelSmsServer) -> None:
    assert received(ExotelSms(), Posted(sms.url(), FORM, b"SmsSid=s&From=x&Body=STOP")) == []


# Both pages of Exotel's, docs/whatsapp-api/api-reference/status-codes and docs/whatsapp-support/webhooks.
@pytest.mark.parametrize(
    "report, state, mark",
    [
        ({"exo_detailed_status": "EX_MESSAGE_SENT", "exo_status_code": 30001}, "accepted", ""),
        ({"exo_detailed_status": "EX_MESSAGE_DELIVERED", "exo_status_code": 30002}, "delivered", ""),
        ({"exo_detailed_status": "EX_MESSAGE_SEEN"}, "read", ""),
        ({"exo_status_code": 30001}, "accepted", ""),
        ({"exo_status_code": 30002, "status": "delivered"}, "delivered", ""),
        ({"exo_status_code": "30003", "exo_detailed_status": ""}, "read", ""),
        ({"exo_status_code": 30002, "exo_detailed_status": "EX_MESSAGE_HANDED_OVER"}, "delivered", ""),
        ({"status": "queued"}, "accepted", ""),
        ({"status": "sent"}, "accepted", ""),
        ({"status": "read"}, "read", ""),
        ({"exo_detailed_status": "EX_INCAPABLE_RECIPIENT", "exo_status_code": 30013}, "undelivered", "unreachable"),
        ({"exo_detailed_status": "EX_INVALID_RECIPIENT"}, "undelivered", "unreachable"),
        ({"exo_detailed_status": "EX_REENGAGEMENT_ERROR", "exo_status_code": 30018}, "undelivered", ""),
        ({"exo_detailed_status": "EX_RATE_LIMIT_HIT"}, "undelivered", ""),
        # What the two pages agree on of a number: that it failed, and of this one that nobody is there.
        ({"exo_status_code": 30012}, "undelivered", ""),
        ({"exo_status_code": 30013}, "undelivered", "unreachable"),
        # Meta's own numbers.
        ({"status": "failed", "errors": [{"code": 131047, "title": "Re-engagement message"}]}, "undelivered", ""),
        ({"status": "failed", "errors": [{"code": 131026}]}, "undelivered", "unreachable"),
        ({"status": "failed", "errors": [{"code": 131050}]}, "undelivered", "opted_out"),
        ({"status": "failed", "errors": [1]}, "undelivered", ""),
        ({"status": "failed", "errors": 1}, "undelivered", ""),
    ],
)
def test_what_became_of_a_whatsapp_message(
    whatsapp: ExotelWhatsAppServer, report: dict[str, Any], state: str, mark: str
) -> None:
    bodies: list[Any] = [
        {"whatsapp": {"messages": [{"callback_type": "dlr", "sid": "s", "to": PHONE, **report}]}},
        {"type": "message_status", "data": {"message_sid": "s", "from": SENDER, "to": PHONE, **report}},
        {"sid": "s", "from": "+447700900001", "to": PHONE, **report},
    ]
    for body in bodies:
        [news] = received(ExotelWhatsApp(), Posted(whatsapp.url(), {}, json.dumps(body).encode()))
        assert isinstance(news, Receipt)
        assert (news.state, news.mark, news.channel_reference) == (state, mark, "s")
        assert bool(news.error) is (state == "undelivered")


@pytest.mark.parametrize(
    "report",
    [
        {"exo_detailed_status": "EX_MESSAGE_QUEUED"},
        {"exo_detailed_status": "EX_MESSAGE_ACCEPTED", "exo_status_code": 30000},
        # One part of it may be wrong; sending a second time can't be taken back.
        {"exo_detailed_status": "EX_MESSAGE_QUEUED", "exo_status_code": 30005},
        {"exo_detailed_status": "EX_MESSAGE_QUEUED", "status": "failed"},
        {"exo_detailed_status": ""},
        {"exo_detailed_status": None, "exo_status_code": None},
        {},
        {"exo_status_code": 30050},
        {"exo_status_code": 0},
        {"status": "paused"},
        {"exo_detailed_status": ["EX_UNKNOWN_ERROR"]},
        {"exo_detailed_status": f"To {PHONE}"},
    ],
)
def test_a_report_that_names_no_known_failure_is_no_news_but_a_line_in_the_log(
    whatsapp: ExotelWhatsAppServer, report: dict[str, Any]
) -> None:
    message = {"callback_type": "dlr", "sid": "s", "to": PHONE, "custom_data": HANDOVER, **report}
    with capture_logs() as lines:
        assert received(ExotelWhatsApp(), whatsapp.posted(message)) == []
    assert [line["event"] for line in lines] == ["exotel_report_unknown"]
    assert PHONE not in repr(lines)


def test_a_failure_never_repeats_words_about_a_person(sms: ExotelSmsServer) -> None:
    form = {"SmsSid": "s", "Status": "failed", "DetailedStatus": f"To {PHONE}", "CustomField": HANDOVER}
    [news] = received(ExotelSms(), Posted(sms.url(), FORM, urlencode(form).encode()))
    assert news.state == "undelivered"
    assert PHONE not in repr(news)


@pytest.mark.parametrize("content", [[], {}, {"whatsapp": 1}, {"whatsapp": {"messages": [1]}}, {"whatsapp": {}}])
def test_a_post_of_another_shape_is_refused_in_one_way(whatsapp: ExotelWhatsAppServer, content: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        received(ExotelWhatsApp(), Posted(whatsapp.url(), {}, json.dumps(content).encode()))


@pytest.mark.parametrize("query", ["", "?t=", "?t=wrong", f"?T={SECRET}", f"?t={SECRET}x", f"?x={SECRET}"])
def test_without_the_secret_in_the_address_nothing_is_believed(sms: ExotelSmsServer, query: str) -> None:
    posted = sms.receipt("delivered")
    with pytest.raises(InvalidSignature):
        received(ExotelSms(), replace(posted, url=posted.url.partition("?")[0] + query))


def test_an_sms_post_needs_no_signature_but_a_wrong_one_is_refused(sms: ExotelSmsServer) -> None:
    """Exotel documents one on the page about WhatsApp alone: SMS receipts without one would be lost."""
    account = replace(sms.account("token", SECRET), signature_secret=SignedExotelWhatsAppServer.signature_secret)
    sms.settings.EXOTEL_ACCOUNTS = {"default": account}
    posted = sms.receipt("delivered")
    assert received(ExotelSms(), posted)
    assert received(ExotelSms(), replace(posted, headers={"X-Exotel-Signature": sign(posted.body)}))
    with pytest.raises(InvalidSignature):
        received(ExotelSms(), replace(posted, headers={"X-Exotel-Signature": sign(b"")}))


def test_each_account_has_a_secret_for_signatures_of_its_own_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGE_ACCOUNT_CODES", "second")
    for name in ("ACCOUNT_SID", "API_KEY", "API_TOKEN", "WEBHOOK_TOKEN"):
        monkeypatch.setenv(f"EXOTEL_{name}", "made-up")
        monkeypatch.setenv(f"EXOTEL_SECOND_{name}", "made-up")
    monkeypatch.setenv("EXOTEL_SECOND_SIGNATURE_SECRET", "another")
    found = accounts.exotel(Env())
    assert {code: account.signature_secret for code, account in found.items()} == {"default": "", "second": "another"}
    assert "another" not in repr(found)


def test_what_is_left_in_the_wallet(sms: ExotelSmsServer) -> None:
    assert ExotelSms().credit("default") == Credit(12_500_000, "INR")
    sms._fault = lambda handler, asked: handler.reply(Reply(200, {"other": 1}))
    assert ExotelSms().credit("default") == Credit()
