"""The addresses that carriers post to: proved or refused, all refusals alike, and no 200 for what was not kept."""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from billing.models import Customer
from payportal.messaging import delivering, inbound_views
from payportal.messaging.accounts import WhatsAppAccount
from payportal.messaging.channels.base import InvalidSignature, News, Receipt, Said
from payportal.messaging.models import ContactMedium, Message
from tests.payportal.messaging.carrier import PlayedCarrier, registered, speak
from tests.payportal.messaging.story import NOW, write

pytestmark = pytest.mark.django_db
KEY = b"a key of the tests"
PATH = "/webhooks/messages/played_whatsapp/default"


class SignedCarrier(PlayedCarrier):
    """One that signs address and body together, and tells one thing a line: a word and what it is about."""

    def receive(self, account: str, url: str, headers: Mapping[str, str], body: bytes) -> Sequence[News]:
        if account != "default":
            raise KeyError(account)
        if not hmac.compare_digest(headers.get("X-Signature", ""), signature(url, body)):
            raise InvalidSignature
        return [self.read(*line.split()) for line in body.decode().split("\n") if line[:1] != "#"]

    def read(self, word: str, about: str) -> News:
        if word == "stop":
            return Said(about, "stop")
        return Receipt(word, handover=about)  # type: ignore[arg-type]


def signature(url: str, body: bytes) -> str:
    return hmac.new(KEY, url.encode() + b"\n" + body, hashlib.sha256).hexdigest()


@pytest.fixture
def carrier(kari: Customer) -> Iterator[SignedCarrier]:
    made = SignedCarrier()
    with registered(made):
        speak(kari, made.code)
        yield made


@pytest.fixture
def message(kari: Customer, carrier: SignedCarrier) -> Message:
    made = write(kari)
    delivering.deliver(made.pk, NOW)
    return made


Post = Callable[..., HttpResponse]


@pytest.fixture
def post(kari: Customer) -> Post:
    def send(body: bytes, path: str = PATH, signed: str | None = None, **headers: str) -> Any:
        host = kari.operator.host
        proof = signature(f"http://{host}{path}", body) if signed is None else signed
        # The carrier has no cookie and no token: Django's own check must let it in.
        return Client(enforce_csrf_checks=True).post(
            path, body, content_type="application/octet-stream", headers={"Host": host, "X-Signature": proof, **headers}
        )

    return send


def told(message: Message, word: str = "delivered") -> bytes:
    return f"{word} {message.handovers.get().reference}".encode()


def test_it_works(message: Message, post: Post) -> None:
    answer = post(told(message))
    assert answer.status_code == 200
    message.refresh_from_db()
    assert message.status == Message.Status.DELIVERED


def test_the_query_belongs_to_the_address_that_is_signed(message: Message, post: Post) -> None:
    assert post(told(message), PATH + "?h=a%2Bb&t=1").status_code == 200
    assert post(told(message), PATH + "?h=a", signed=signature(f"http://brisvik{PATH}", b"")).status_code == 403


def test_stop_is_heard(kari: Customer, message: Message, post: Post) -> None:
    assert post(f"stop {kari.phone}".encode()).status_code == 200
    assert ContactMedium.objects.get().opted_out_at


@pytest.mark.parametrize(
    ("path", "body", "proof"),
    [
        (PATH, b"read x", ""),
        (PATH, b"read x", "0" * 64),
        ("/webhooks/messages/played_whatsapp/other", b"read x", None),
        ("/webhooks/messages/pigeon/default", b"read x", None),
        # Without an account of ours, a channel without anything to receive, and one that isn't signed.
        ("/webhooks/messages/whatsapp_cloud/default", b"{}", None),
        ("/webhooks/messages/twilio_sms/default", b"a=b", None),
        ("/webhooks/messages/twilio_sms/default", b"\xff\xfe", None),
        ("/webhooks/messages/email/default", b"{}", None),
        ("/webhooks/messages/outbox/default", b"{}", None),
        # The carrier's own word, that nobody can read.
        (PATH, b"\xff\xfe", None),
    ],
)
def test_whoever_is_not_the_carrier_gets_one_answer_and_no_query(
    carrier: SignedCarrier,
    post: Post,
    path: str,
    body: bytes,
    proof: str | None,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """CASES attack 7. The operator is in the process's memory."""
    post(b"", signed="")
    with django_assert_num_queries(0):
        answer = post(body, path, proof)
    assert (answer.status_code, answer.content) == (403, b"")
    assert sorted(answer.headers) == sorted(post(b"read x", signed="").headers)


def test_a_changed_byte_is_no_word_of_the_carriers(message: Message, post: Post, kari: Customer) -> None:
    body = told(message)
    proof = signature(f"http://{kari.operator.host}{PATH}", body)
    assert post(body, signed=proof).status_code == 200
    for at in range(len(body)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        assert post(changed, signed=proof).status_code == 403


def test_what_is_too_big_is_refused_early(carrier: SignedCarrier, post: Post) -> None:
    """CASES attack 15."""
    assert post(b"x" * (inbound_views.MAX_BYTES + 1)).status_code == 413


def test_more_is_taken_in_one_post_than_django_takes_in_a_form(message: Message, post: Post) -> None:
    body = told(message) + b"\n#" + b" " * 600 * 1024
    assert post(body).status_code == 200
    message.refresh_from_db()
    assert message.status == Message.Status.DELIVERED


@pytest.mark.parametrize("poison", [b"stop " + b"9" * 1000, b"stop +47\x00", b"read a\x00b"])
def test_what_no_column_can_hold_keeps_nothing_back(message: Message, post: Post, poison: bytes) -> None:
    assert post(b"\n".join([poison, told(message)])).status_code == 200
    message.refresh_from_db()
    assert message.status == Message.Status.DELIVERED


def test_what_could_not_be_kept_is_asked_for_again(message: Message, post: Post) -> None:
    """CASES fault 15."""

    def down(*args: Any) -> Any:
        raise OperationalError("the database is gone")

    body = told(message)
    with connection.execute_wrapper(down):
        assert post(body).status_code == 503
    assert post(body).status_code == 200
    message.refresh_from_db()
    assert message.status == Message.Status.DELIVERED


def test_the_same_post_twice_has_one_effect(message: Message, post: Post) -> None:
    assert {post(told(message)).status_code for _ in range(3)} == {200}


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_other_methods_are_not_taken(carrier: SignedCarrier, kari: Customer, method: str) -> None:
    answer = getattr(Client(), method)(PATH, headers={"Host": kari.operator.host})
    assert answer.status_code == 405


@pytest.fixture
def meta(settings: Settings, kari: Customer) -> Callable[..., Any]:
    settings.WHATSAPP_ACCOUNTS = {"default": WhatsAppAccount("1", "token", "secret", "agreed words")}

    def ask(account: str = "default", channel: str = "whatsapp_cloud", **query: str) -> Any:
        asked = {"hub.mode": "subscribe", "hub.verify_token": "agreed words", "hub.challenge": "1158201444"}
        asked |= {f"hub.{name}": value for name, value in query.items()}
        path = f"/webhooks/messages/{channel}/{account}"
        return Client().get(path, asked, headers={"Host": kari.operator.host})

    return ask


def test_meta_gets_its_own_words_back_for_ours(meta: Callable[..., Any]) -> None:
    answer = meta()
    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "change",
    [
        {"verify_token": "other words"},
        {"verify_token": ""},
        {"verify_token": "Ærlig"},
        {"mode": "unsubscribe"},
        {"account": "other"},
        {"channel": "twilio_sms"},
        {"channel": "pigeon"},
    ],
)
def test_nobody_else_does(meta: Callable[..., Any], change: dict[str, str]) -> None:
    answer = meta(**change)
    assert (answer.status_code, answer.content) == (403, b"")


def test_an_account_without_agreed_words_agrees_to_nothing(meta: Callable[..., Any], settings: Settings) -> None:
    settings.WHATSAPP_ACCOUNTS = {"default": WhatsAppAccount("1", "token", "secret", "")}
    assert meta(verify_token="").status_code == 403
