"""Twilio: what is sent, what its codes mean, what its callbacks say, and how a lost message is found."""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from pytest_django import Settings

from payportal.messaging.accounts import TwilioAccount
from payportal.messaging.channels.base import (
    BadKeys,
    Credit,
    InvalidSignature,
    NoCredit,
    NotSent,
    Receipt,
    Refused,
    Said,
    SendUnknown,
)
from payportal.messaging.channels.twilio import Twilio, TwilioSms, TwilioWhatsApp
from tests.payportal.messaging.channels.far_sides import CALLBACK, HANDOVER, MESSAGE, PHONE, Posted, Reply
from tests.payportal.messaging.channels.twilio_server import SENDER, SID, TOKEN, TwilioServer, problem, sign

SERVICE = "MG" + "0" * 31 + "2"
PICTURE = "https://pay.example/q/AbC/dEf.jpg"


@pytest.fixture
def sms(settings: Settings) -> Iterator[TwilioServer]:
    with TwilioServer("twilio_sms", settings).running() as running:
        yield running  # type: ignore[misc]


@pytest.fixture
def whatsapp(settings: Settings) -> Iterator[TwilioServer]:
    with TwilioServer("twilio_whatsapp", settings).running() as running:
        yield running  # type: ignore[misc]


def test_it_works(sms: TwilioServer) -> None:
    sid = TwilioSms().send(sms.message)
    [asked] = sms.asked
    assert asked.form == {
        "From": SENDER,
        "To": PHONE,
        "Body": MESSAGE.text,
        "StatusCallback": f"{CALLBACK}/twilio_sms/default?h={HANDOVER}",
    }
    assert sid == sms.messages[0]["sid"]


def test_a_messaging_service_chooses_the_sender(sms: TwilioServer) -> None:
    sms.settings.TWILIO_ACCOUNTS = {"default": TwilioAccount(SID, TOKEN, SERVICE)}
    TwilioSms().send(sms.message)
    assert sms.asked[0].form["MessagingServiceSid"] == SERVICE
    assert "From" not in sms.asked[0].form


def test_calls_are_made_with_an_api_key_where_there_is_one(sms: TwilioServer) -> None:
    key = TwilioAccount(SID, TOKEN, SENDER, key_sid="SK1", key_secret="a-made-up-secret")
    sms.settings.TWILIO_ACCOUNTS = {"default": key}
    with pytest.raises(BadKeys):
        TwilioSms().send(sms.message)
    assert b64decode(sms.asked[0].headers["Authorization"].removeprefix("Basic ")) == b"SK1:a-made-up-secret"
    assert received(sms.receipt("delivered"))


@pytest.mark.parametrize(
    "channel, account",
    [
        (TwilioSms(), TwilioAccount(SID, TOKEN, "", SENDER)),
        (TwilioWhatsApp(), TwilioAccount(SID, TOKEN, SENDER, "")),
    ],
)
def test_without_a_sender_it_is_an_alarm_before_a_message_meets_it(
    sms: TwilioServer, channel: Twilio, account: TwilioAccount
) -> None:
    sms.settings.TWILIO_ACCOUNTS = {"default": account}
    for ask in (lambda: channel.send(sms.message), lambda: channel.credit("default")):
        with pytest.raises(BadKeys, match="no sender"):
            ask()
    assert sms.asked == []


def test_where_nobody_may_call_back_no_address_is_given(sms: TwilioServer) -> None:
    TwilioSms().send(replace(sms.message, callback=""))
    assert "StatusCallback" not in sms.asked[0].form


def test_whatsapp_without_a_template_is_text_with_a_picture(whatsapp: TwilioServer) -> None:
    TwilioWhatsApp().send(replace(whatsapp.message, image_address=PICTURE))
    form = whatsapp.asked[0].form
    assert (form["From"], form["To"]) == (f"whatsapp:{SENDER}", f"whatsapp:{PHONE}")
    assert form["Body"] == MESSAGE.text
    assert form["MediaUrl"] == PICTURE


def test_an_approved_template_gets_its_words_in_order_and_the_pictures_place_last(whatsapp: TwilioServer) -> None:
    words = ("Brisvik", "NOK 1 234,00", 'K7M-42P-Q9X "}')
    message = replace(whatsapp.message, carrier_template="HX1", parameters=words, image_address=PICTURE)
    TwilioWhatsApp().send(message)
    form = whatsapp.asked[0].form
    assert form["ContentSid"] == "HX1"
    assert json.loads(form["ContentVariables"]) == {
        "1": "Brisvik",
        "2": "NOK 1 234,00",
        "3": 'K7M-42P-Q9X "}',
        "4": "q/AbC/dEf.jpg",
    }
    assert not {"Body", "MediaUrl"} & set(form)
    assert TwilioWhatsApp().look_up(whatsapp.question()) == whatsapp.messages[0]["sid"]


@pytest.mark.parametrize(
    "code, status, error, mark",
    [
        (21211, 400, Refused, "unreachable"),
        (21614, 400, Refused, "unreachable"),
        (21635, 400, Refused, "unreachable"),
        (63024, 400, Refused, "unreachable"),
        (21610, 400, Refused, "opted_out"),
        (63014, 400, Refused, "opted_out"),
        (63016, 400, Refused, ""),
        (21617, 400, Refused, ""),
        (21408, 400, Refused, ""),
        (99999, 400, Refused, ""),
        (20003, 401, BadKeys, None),
        (20005, 403, BadKeys, None),
        (21606, 400, BadKeys, None),
        (63007, 400, BadKeys, None),
        (20404, 404, BadKeys, None),
        (20001, 402, NoCredit, None),
        (20429, 429, NotSent, None),
        (21611, 400, NotSent, None),
        (63038, 400, NotSent, None),
        (20500, 500, SendUnknown, None),
        # Whatever code it has, a 5xx says nothing of the message.
        (21211, 503, SendUnknown, None),
    ],
)
def test_what_a_code_means(sms: TwilioServer, code: int, status: int, error: type[Exception], mark: str | None) -> None:
    sms.create = lambda form: Reply(status, problem(code, status))  # type: ignore[method-assign]
    with pytest.raises(error) as failure:
        TwilioSms().send(sms.message)
    assert type(failure.value) is error
    assert getattr(failure.value, "mark", None) == mark


@pytest.mark.parametrize("status, error", [(400, Refused), (401, BadKeys), (408, SendUnknown), (429, NotSent)])
def test_an_answer_without_a_code_goes_by_its_status(sms: TwilioServer, status: int, error: type[Exception]) -> None:
    sms.create = lambda form: Reply(status, b"<html>a proxy's</html>")  # type: ignore[method-assign]
    with pytest.raises(error, match=f"HTTP {status}"):
        TwilioSms().send(sms.message)


def test_what_failed_as_it_was_made_is_refused(sms: TwilioServer) -> None:
    made = {"sid": "SM" + "0" * 32, "status": "failed", "error_code": 30006}
    sms.create = lambda form: Reply(201, made)  # type: ignore[method-assign]
    with pytest.raises(Refused) as refusal:
        TwilioSms().send(sms.message)
    assert refusal.value.mark == "unreachable"


def test_calls_leave_no_line_in_the_log(sms: TwilioServer, caplog: pytest.LogCaptureFixture) -> None:
    """httpx writes the address of every call, and the question names the number."""
    caplog.set_level("DEBUG")
    TwilioSms().send(sms.message)
    TwilioSms().look_up(sms.question())
    assert PHONE[1:] not in caplog.text
    assert SID not in caplog.text


@pytest.mark.parametrize(
    "number, signature",
    [("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), ("+12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")],
)
def test_the_signatures_of_twilios_own_examples(settings: Settings, number: str, signature: str) -> None:
    settings.TWILIO_ACCOUNTS = {"default": TwilioAccount(SID, "12345")}
    form = {"To": "+18005551212", "From": number, "Digits": "1234", "Caller": number, "CallSid": "CA1234567890ABCDE"}
    body, headers = urlencode(form).encode(), {"X-Twilio-Signature": signature}
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert TwilioSms().receive("default", url, headers, body) == ()
    with pytest.raises(InvalidSignature):
        TwilioSms().receive("default", url + "1", headers, body)


def test_an_empty_token_is_no_key(sms: TwilioServer) -> None:
    """Anybody can sign with it."""
    sms.drop_webhook_keys()
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    headers = {"X-Twilio-Signature": sign(CALLBACK, form, token="")}
    with pytest.raises(InvalidSignature):
        TwilioSms().receive("default", CALLBACK, headers, urlencode(form).encode())


def test_a_standard_port_may_be_named_or_left_out(sms: TwilioServer) -> None:
    posted = sms.receipt("delivered")
    named = posted.url.replace("pay.example", "pay.example:443")
    for signed, called in ((posted.url, named), (named, posted.url)):
        form = {"MessageStatus": "delivered", "MessageSid": "SM1"}
        headers = {"x-twilio-signature": sign(signed, form)}
        assert TwilioSms().receive("default", called, headers, urlencode(form).encode())
    with pytest.raises(InvalidSignature):
        received(replace(posted, url=posted.url.replace("pay.example", "pay.example:8443")))


def test_the_handover_in_the_address_is_signed_too(sms: TwilioServer) -> None:
    posted = sms.receipt("delivered")
    with pytest.raises(InvalidSignature):
        received(replace(posted, url=posted.url.replace(HANDOVER, "ho-of-another")))


def test_fields_that_are_new_empty_or_twice_are_signed_like_the_others(sms: TwilioServer) -> None:
    """Twilio adds fields without notice."""
    url = f"{CALLBACK}/twilio_sms/default"
    headers = {"X-Twilio-Signature": sign(url, {"MessageSid": "SM1", "MessageStatus": "sent", "New": "", "Z": "1"})}
    body = b"Z=1&New=&MessageStatus=sent&MessageSid=SM1&Z=1"
    [receipt] = TwilioSms().receive("default", url, headers, body)
    assert receipt == Receipt("accepted", channel_reference="SM1")


@pytest.mark.parametrize("junk", [b"\xff\xfe", b"&" * 5000, b"=", b"a=%ff%zz"])
def test_junk_is_refused(sms: TwilioServer, junk: bytes) -> None:
    with pytest.raises((InvalidSignature, ValueError)):
        TwilioSms().receive("default", CALLBACK, {"X-Twilio-Signature": "æ"}, junk)


@pytest.mark.parametrize(
    "code, mark", [("30005", "unreachable"), ("63024", "unreachable"), ("21610", "opted_out"), ("30003", ""), ("", "")]
)
def test_a_message_that_was_given_up_says_what_that_means_for_the_number(
    sms: TwilioServer, code: str, mark: str
) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": code}
    [receipt] = received(sms.posted(form, f"{CALLBACK}/twilio_sms/default?h={HANDOVER}"))
    assert receipt == Receipt(
        "undelivered",
        handover=HANDOVER,
        channel_reference="SM1",
        error=f"Twilio {code}" if code else "",
        mark=mark,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "price, unit, cost",
    [
        ("-0.00750", "usd", (7500, "USD")),
        ("", "USD", (None, "")),
        ("free", "USD", (None, "")),
        ("NaN", "", (None, "")),
        ("1e99", "USD", (None, "")),
        ("1e999999", "USD", (None, "")),
    ],
)
def test_what_a_message_cost_where_twilio_tells(
    sms: TwilioServer, price: str, unit: str, cost: tuple[int | None, str]
) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "delivered", "Price": price, "PriceUnit": unit}
    [receipt] = received(sms.posted(form, f"{CALLBACK}/twilio_sms/default"))
    assert isinstance(receipt, Receipt)
    assert (receipt.cost_micros, receipt.cost_currency) == cost


@pytest.mark.parametrize(
    "form",
    [
        {"MessageSid": "SM1", "MessageStatus": "partially_delivered"},
        {"MessageSid": "SM1", "MessageStatus": "receiving"},
        {"CallSid": "CA1"},
        {"From": "whatsapp:" + PHONE, "Body": "STOP"},
        {"From": "12345", "Body": "STOP"},
    ],
)
def test_what_is_none_of_our_business_is_no_news(sms: TwilioServer, form: dict[str, str]) -> None:
    assert received(sms.posted(form, f"{CALLBACK}/twilio_sms/default")) == []


@pytest.mark.parametrize("told, wish", [("STOP", "stop"), ("START", "start"), ("HELP", "other")])
def test_an_operators_own_word_for_stop_is_told_by_twilio(sms: TwilioServer, told: str, wish: str) -> None:
    form = {"From": PHONE, "Body": "nok nå", "OptOutType": told}
    assert received(sms.posted(form, CALLBACK)) == [Said(PHONE, wish)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "balance, credit",
    [
        ({"balance": "12.29", "currency": "USD"}, Credit(12_290_000, "USD")),
        ({"balance": "-0.5", "currency": "USD"}, Credit(-500_000, "USD")),
        ({"balance": None, "currency": None}, Credit()),
        ({}, Credit()),
    ],
)
def test_what_is_left(sms: TwilioServer, balance: dict[str, str], credit: Credit) -> None:
    sms.balance = balance
    assert TwilioSms().credit("default") == credit


def test_an_account_that_tells_no_balance_is_not_one_with_bad_keys(sms: TwilioServer) -> None:
    sms.fail_with(404)
    with pytest.raises(SendUnknown):
        TwilioSms().credit("default")


def received(posted: Posted) -> list[object]:
    return list(TwilioSms().receive("default", posted.url, posted.headers, posted.body))
