"""What Exotel posts, from the address that it calls to what becomes of the next message."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import phonenumbers
import pytest
from django.test import Client
from pytest_django import Settings

from billing.models import Alarm, Customer
from payportal.messaging import delivering
from payportal.messaging.models import ContactMedium, Message
from tests.payportal.messaging.carrier import PlayedCarrier, registered, speak
from tests.payportal.messaging.channels.exotel_server import (
    SECRET,
    ExotelSmsServer,
    ExotelWhatsAppServer,
    SignedExotelWhatsAppServer,
    sign,
)
from tests.payportal.messaging.channels.far_sides import Reply
from tests.payportal.messaging.story import NOW, write

pytestmark = pytest.mark.django_db
PATH = "/webhooks/messages/exotel_whatsapp/default"
Body = dict[str, Any]


@pytest.fixture
def whatsapp(kari: Customer, settings: Settings) -> Iterator[ExotelWhatsAppServer]:
    speak(kari, "exotel_whatsapp")
    with ExotelWhatsAppServer("exotel_whatsapp", settings).running() as running:
        yield running  # type: ignore[misc]


Post = Callable[..., Any]


@pytest.fixture
def post(kari: Customer) -> Post:
    def send(body: Any, **headers: str) -> Any:
        return Client(enforce_csrf_checks=True).post(
            f"{PATH}?t={SECRET}",
            json.dumps(body),
            content_type="application/json",
            headers={"Host": kari.operator.host, **headers},
        )

    return send


def listed(**message: Any) -> Body:
    return {"whatsapp": {"messages": [message]}}


def text(words: str) -> Body:
    return {"type": "text", "text": {"body": words}}


# What Exotel's pages and its customers show of a message that somebody wrote, each from the number given.
SAID: dict[str, Callable[[str, str], Body]] = {
    # https://developer.exotel.com/api/receive-messages
    "icm": lambda phone, words: listed(
        callback_type="icm", sid="s", to="447700900001", profile_name="Kari", content=text(words), **{"from": phone[1:]}
    ),
    # As integrations receive it.
    "incoming_message": lambda phone, words: listed(
        callback_type="incoming_message", sid="s", to="+447700900001", content=text(words), **{"from": phone}
    ),
    "a button": lambda phone, words: listed(
        callback_type="incoming_message",
        content={"type": "button", "button": {"text": words, "payload": "1"}},
        **{"from": phone},
    ),
    "a button by its payload": lambda phone, words: listed(
        callback_type="icm",
        content={"type": "button", "button": {"text": "No more of these", "payload": words}},
        **{"from": phone},
    ),
    "capitals": lambda phone, words: listed(
        callback_type="ICM", status="received", content=text(words), **{"from": phone}
    ),
    "no type": lambda phone, words: listed(content=text(words), **{"from": phone}),
    "a type that nobody knows": lambda phone, words: listed(
        callback_type="reply", status="received", content=text(words), **{"from": phone}
    ),
    # https://developer.exotel.com/docs/whatsapp-api/api-reference/receive-messages
    "event": lambda phone, words: {
        "event": "incoming_message",
        "timestamp": "2024-06-15T10:30:00.000Z",
        "account_sid": "madeup1",
        "message": {"id": "m", "from": phone, "to": "447700900001", **text(words)},
        "contact": {"wa_id": phone[1:], "profile": {"name": "Kari"}},
    },
    "event, a button": lambda phone, words: {
        "event": "incoming_message",
        "message": {
            "id": "m",
            "from": phone,
            "type": "button",
            "button": {"text": words, "payload": "confirm"},
            "context": {"from": "447700900001", "id": "original"},
        },
    },
    "event, the sender in the contact": lambda phone, words: {
        "event": "incoming_message",
        "message": {"id": "m", **text(words)},
        "contact": {"wa_id": phone[1:]},
    },
    # https://developer.exotel.com/docs/whatsapp-support/webhooks
    "data": lambda phone, words: {
        "type": "inbound_message",
        "account_sid": "madeup1",
        "data": {
            "message_sid": "m",
            "from": phone,
            "to": "+447700900001",
            "message": text(words),
            "contact": {"profile": {"name": "Kari"}, "wa_id": phone[1:]},
        },
    },
    "data, a button": lambda phone, words: {
        "type": "inbound_message",
        "data": {
            "message_sid": "m",
            "from": phone,
            "message": {
                "type": "interactive",
                "interactive": {"type": "button_reply", "button_reply": {"id": "b", "title": words}},
            },
        },
    },
    "data, a list": lambda phone, words: {
        "type": "inbound_message",
        "data": {
            "message_sid": "m",
            "from": phone,
            "message": {
                "type": "interactive",
                "interactive": {"type": "list_reply", "list_reply": {"id": "b", "title": words, "description": "d"}},
            },
        },
    },
    # The bare message, as the page on status codes shows a bare report.
    "bare": lambda phone, words: {"sid": "s", "from": phone, "to": "+447700900001", **text(words)},
}
said = pytest.mark.parametrize("shape", SAID)


def next_message(kari: Customer, reference: str = "on:next") -> Message:
    message = write(kari, reference)
    delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    return message


@said
def test_stop_in_every_shape_withholds_the_next_message(
    kari: Customer, whatsapp: ExotelWhatsAppServer, post: Post, shape: str
) -> None:
    assert next_message(kari, "on:before").status == Message.Status.SENT
    assert post(SAID[shape](kari.phone, "STOP")).status_code == 200
    assert next_message(kari).status == Message.Status.WITHHELD
    assert len(whatsapp.messages) == 1


@said
def test_stop_twice_is_one_opt_out_and_start_ends_it(
    kari: Customer, whatsapp: ExotelWhatsAppServer, post: Post, shape: str
) -> None:
    assert {post(SAID[shape](kari.phone, "stop.")).status_code for _ in range(2)} == {200}
    [medium] = ContactMedium.objects.all()
    assert (medium.address, medium.medium, bool(medium.opted_out_at)) == (kari.phone, "whatsapp", True)
    assert {post(SAID[shape](kari.phone, "START")).status_code for _ in range(2)} == {200}
    assert next_message(kari).status == Message.Status.SENT


@said
def test_what_else_somebody_writes_is_taken_and_changes_nothing(
    kari: Customer, whatsapp: ExotelWhatsAppServer, post: Post, shape: str
) -> None:
    assert post(SAID[shape](kari.phone, "What is my order status?")).status_code == 200
    assert not ContactMedium.objects.exists()


def test_a_short_number_without_a_plus_has_its_country_in_front(
    kari: Customer, whatsapp: ExotelWhatsAppServer, post: Post
) -> None:
    """Ten digits are a whole Norwegian number, and would be an Indian one without its country."""
    example = phonenumbers.example_number_for_type("NO", phonenumbers.PhoneNumberType.MOBILE)
    kari.phone = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    kari.save()
    assert len(kari.phone) == len("+") + 10
    assert post(SAID["icm"](kari.phone, "STOP")).status_code == 200
    assert next_message(kari).status == Message.Status.WITHHELD


def test_what_cannot_be_read_does_not_keep_back_the_stop_beside_it(
    kari: Customer, whatsapp: ExotelWhatsAppServer, post: Post
) -> None:
    [stop] = SAID["icm"](kari.phone, "STOP")["whatsapp"]["messages"]
    broken = [1, None, {}, {"from": {}}, {"from": "x", "content": []}, {"callback_type": [], "from": 5, "text": 1}]
    assert post({"whatsapp": {"messages": [*broken, stop]}}).status_code == 200
    assert next_message(kari).status == Message.Status.WITHHELD


@pytest.mark.parametrize(
    "body",
    [
        {"type": "inbound_message", "data": {"from": "+447700900001", "message": {"type": "image", "image": {}}}},
        {"type": "template_status", "data": {"template": "due", "status": "approved"}},
    ],
)
def test_what_concerns_no_message_is_taken_and_changes_nothing(
    whatsapp: ExotelWhatsAppServer, post: Post, body: Body
) -> None:
    """A refusal would be repeated, and has the address called failing at last."""
    assert post(body).status_code == 200
    assert not ContactMedium.objects.exists()


def test_exotel_gets_its_challenge_back(whatsapp: ExotelWhatsAppServer, post: Post) -> None:
    """https://developer.exotel.com/docs/whatsapp-support/webhooks, "Verify Your Endpoint"."""
    for _ in range(2):
        answer = post({"type": "verification", "challenge": "random<>challenge"})
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"
        assert answer.json() == {"challenge": "random<>challenge"}


@pytest.mark.parametrize("challenge", [None, 1, "", {"a": 1}, "x" * 1000])
def test_a_challenge_that_is_none_is_no_news(whatsapp: ExotelWhatsAppServer, post: Post, challenge: Any) -> None:
    answer = post({"type": "verification", "challenge": challenge})
    assert answer.status_code in (200, 403)
    assert b"xxx" not in answer.content


def test_nobody_else_gets_a_challenge_back(kari: Customer, whatsapp: ExotelWhatsAppServer) -> None:
    body = {"type": "verification", "challenge": "random"}
    for query in ("", "?t=wrong"):
        answer = Client().post(
            PATH + query, json.dumps(body), content_type="application/json", headers={"Host": kari.operator.host}
        )
        assert (answer.status_code, answer.content) == (403, b"")


def report(message: Message, **told: Any) -> Body:
    """What Exotel posts to the address that came with a message."""
    handover = message.handovers.order_by("pk")[0]
    return listed(callback_type="dlr", sid=handover.channel_reference, custom_data=handover.reference, **told)


def deliver_when_due(message: Message) -> None:
    """A post is applied on the day that it comes, which is later than the tests' own."""
    message.refresh_from_db()
    delivering.deliver(message.pk, message.next_attempt_at or NOW)


@pytest.fixture
def second(kari: Customer, whatsapp: ExotelWhatsAppServer) -> Iterator[PlayedCarrier]:
    carrier = PlayedCarrier("played_sms", "sms")
    with registered(carrier):
        speak(kari, "exotel_whatsapp", carrier.code)
        yield carrier


@pytest.mark.parametrize(
    "told",
    [
        {"exo_detailed_status": "EX_MESSAGE_QUEUED"},
        {"exo_detailed_status": "", "exo_status_code": None},
        {"exo_status_code": 30001},
        {"exo_status_code": 30002},
        {},
    ],
)
def test_what_is_under_way_or_there_goes_out_in_one_copy(
    kari: Customer, whatsapp: ExotelWhatsAppServer, second: PlayedCarrier, post: Post, told: dict[str, Any]
) -> None:
    message = next_message(kari)
    for _ in range(2):
        assert post(report(message, **told)).status_code == 200
        deliver_when_due(message)
    assert post(report(message, exo_detailed_status="EX_MESSAGE_DELIVERED", exo_status_code=30002)).status_code == 200
    message.refresh_from_db()
    assert (message.status, message.channel) == (Message.Status.DELIVERED, "exotel_whatsapp")
    assert (len(whatsapp.arrived()), second.copies) == (1, [])
    assert not Alarm.objects.exists()


def test_a_final_failure_leads_to_the_second_channel_once(
    kari: Customer, whatsapp: ExotelWhatsAppServer, second: PlayedCarrier, post: Post
) -> None:
    message = next_message(kari)
    failed = report(message, exo_detailed_status="EX_INCAPABLE_RECIPIENT", exo_status_code=30013)
    for _ in range(2):
        assert post(failed).status_code == 200
        deliver_when_due(message)
    assert (len(whatsapp.arrived()), len(second.copies)) == (1, 1)


def test_an_empty_account_raises_the_alarm_for_low_credit(kari: Customer, settings: Settings) -> None:
    """Once, however many messages meet it; all of them are tried again."""
    speak(kari, "exotel_sms")
    with ExotelSmsServer("exotel_sms", settings).running() as server:
        empty = Reply(403, {"RestException": {"Status": 403, "Message": "Insufficient balance to send the SMS"}})
        server._fault = lambda handler, asked: handler.reply(empty)
        waiting = [next_message(kari, f"on:{number}") for number in range(2)]
    assert [message.status for message in waiting] == [Message.Status.QUEUED] * 2
    assert [alarm.kind for alarm in Alarm.objects.all()] == ["low_credit"]


@pytest.mark.parametrize("where", ["in the address", "in the signature"])
def test_a_signed_account_is_believed_when_both_proofs_are_right(
    kari: Customer, settings: Settings, whatsapp: ExotelWhatsAppServer, where: str
) -> None:
    """X-Exotel-Signature: sha256=HMAC-SHA256 of the raw body; what is not said by it is said by nobody."""
    keys = {"signature_secret": SignedExotelWhatsAppServer.signature_secret}
    settings.EXOTEL_ACCOUNTS = {"default": replace(settings.EXOTEL_ACCOUNTS["default"], **keys)}
    body = json.dumps(SAID["event"](kari.phone, "STOP")).encode()
    right = sign(body)
    good = (f"?t={SECRET}", {"X-Exotel-Signature": right})
    bad: list[tuple[str, dict[str, str]]] = [("?t=wrong", good[1]), ("", good[1])]
    if where == "in the signature":
        wrong = (sign(body + b" "), right.removeprefix("sha256="), right.upper(), "sha256=", "", "Ærlig")
        bad = [(good[0], {"X-Exotel-Signature": signature}) for signature in wrong] + [(good[0], {})]

    def status(query: str, headers: dict[str, str]) -> int:
        headers = {"Host": kari.operator.host, **headers}
        return Client().post(PATH + query, body, content_type="application/json", headers=headers).status_code

    assert {status(*each) for each in bad} == {403}
    assert next_message(kari, "on:before").status == Message.Status.SENT
    assert {status(*good) for _ in range(2)} == {200}
    assert next_message(kari).status == Message.Status.WITHHELD


def test_without_a_secret_the_address_alone_is_the_proof(
    kari: Customer, whatsapp: ExotelWhatsAppServer, post: Post
) -> None:
    assert post(SAID["event"](kari.phone, "STOP"), **{"X-Exotel-Signature": "sha256=" + "0" * 64}).status_code == 200
    assert next_message(kari).status == Message.Status.WITHHELD
