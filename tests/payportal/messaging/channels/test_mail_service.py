"""Mail by a service that django-anymail knows: its refusals, and what it says became of a mail."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from payportal.messaging.channels.base import (
    BadKeys,
    Credit,
    InvalidSignature,
    NotSent,
    Receipt,
    Refused,
    Said,
    SendUnknown,
)
from payportal.messaging.channels.email import Email
from tests.payportal.messaging.channels.far_sides import CALLBACK, HANDOVER, Reply
from tests.payportal.messaging.channels.postmark_server import RECIPIENT, PostmarkServer

URL = f"{CALLBACK}/email/default"


@pytest.fixture
def postmark(settings: Settings) -> Iterator[PostmarkServer]:
    with PostmarkServer("email", settings).running() as running:
        yield running  # type: ignore[misc]


def test_it_works(postmark: PostmarkServer) -> None:
    reference = Email().send(postmark.message)
    [mail] = postmark.mails
    assert mail["To"] == RECIPIENT
    assert mail["Subject"] == "Film er på"
    assert mail["Metadata"] == {"handover": HANDOVER}
    assert "HtmlBody" not in mail
    assert reference == "00000000-0000-0000-0000-000000000001"


def test_a_service_without_its_keys_is_an_alarm(postmark: PostmarkServer) -> None:
    assert Email().credit("default") == Credit()
    postmark.settings.ANYMAIL = {}
    with pytest.raises(BadKeys):
        Email().send(postmark.message)
    with pytest.raises(BadKeys):
        Email().credit("default")
    assert postmark.asked == [], "who is asked what is left is asked for nothing else"


@pytest.mark.parametrize(
    "status, body, error",
    [
        (422, {"ErrorCode": 300, "Message": f"Invalid 'To' address: '{RECIPIENT}'."}, Refused),
        (422, {"ErrorCode": 300, "Message": "Invalid 'From' address: 'x'."}, Refused),
        (422, {"ErrorCode": 412, "Message": "pending approval"}, Refused),
        (402, {"ErrorCode": 405, "Message": "no credits"}, NotSent),
        (429, {"ErrorCode": 429, "Message": "slower"}, NotSent),
        (503, {"ErrorCode": 100, "Message": "maintenance"}, SendUnknown),
        (200, {"Unheard": "of"}, SendUnknown),
    ],
)
def test_what_an_answer_means(postmark: PostmarkServer, status: int, body: Any, error: type[Exception]) -> None:
    postmark.answer = lambda asked: Reply(status, body)  # type: ignore[method-assign]
    with pytest.raises(error) as failure:
        Email().send(postmark.message)
    assert RECIPIENT not in str(failure.value)


@pytest.mark.parametrize(
    "event, news",
    [
        ({"RecordType": "Bounce", "Type": "HardBounce", "Email": RECIPIENT}, "unreachable"),
        ({"RecordType": "Bounce", "Type": "BadEmailAddress", "Email": RECIPIENT}, "unreachable"),
        ({"RecordType": "Bounce", "Type": "VirusNotification", "Email": RECIPIENT}, ""),
    ],
)
def test_a_bounce_says_what_that_means_for_the_mailbox(
    postmark: PostmarkServer, event: dict[str, Any], news: str
) -> None:
    posted = postmark.posted({**event, "MessageID": "m1", "Metadata": {"handover": HANDOVER}})
    [receipt] = Email().receive("default", posted.url, posted.headers, posted.body)
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.handover, receipt.mark) == ("undelivered", HANDOVER, news)
    assert RECIPIENT not in repr(receipt)


def test_a_complaint_is_a_wish_for_no_more(postmark: PostmarkServer) -> None:
    posted = postmark.said("")
    assert list(Email().receive("default", posted.url, posted.headers, posted.body)) == [Said(RECIPIENT, "stop")]


@pytest.mark.parametrize("kind", ["Transient", "AutoResponder"])
def test_a_delay_is_no_news(postmark: PostmarkServer, kind: str) -> None:
    posted = postmark.posted({"RecordType": "Bounce", "Type": kind, "Email": RECIPIENT})
    assert list(Email().receive("default", posted.url, posted.headers, posted.body)) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"x"', b'{"FromFull": {}}', b"\xff", b"[" * 100_000])
def test_an_event_that_cannot_be_read(postmark: PostmarkServer, body: bytes) -> None:
    posted = postmark.receipt("delivered")
    with pytest.raises(ValueError):  # noqa: PT011 (JSON's own is one)
        Email().receive("default", posted.url, posted.headers, body)


def test_a_plain_mail_server_posts_nothing(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with pytest.raises(InvalidSignature):
        Email().receive("default", URL, {}, b"{}")


def test_a_service_that_signs_needs_no_other_secret(settings: Settings) -> None:
    """Mailgun: HMAC-SHA256 of time and token, in the event itself."""
    settings.EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"
    settings.ANYMAIL = {"MAILGUN_API_KEY": "k", "MAILGUN_WEBHOOK_SIGNING_KEY": "a-made-up-key"}
    proof = hmac.new(b"a-made-up-key", b"1529006854" + b"t" * 50, hashlib.sha256).hexdigest()
    event = {
        "signature": {"timestamp": "1529006854", "token": "t" * 50, "signature": proof},
        "event-data": {
            "event": "delivered",
            "id": "e1",
            "timestamp": 1529006854.3,
            "recipient": RECIPIENT,
            "message": {"headers": {"message-id": "m1@operator.example"}},
            "user-variables": {"handover": HANDOVER},
        },
    }
    headers = {"Content-Type": "application/json"}
    [receipt] = Email().receive("default", URL, headers, json.dumps(event).encode())
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.handover) == ("delivered", HANDOVER)
    event["signature"]["token"] = "u" * 50  # type: ignore[index]
    for forged in (json.dumps(event).encode(), b"[]", b"{}", b"", b'{"signature": 1}', b"[" * 100_000):
        with pytest.raises(InvalidSignature):
            Email().receive("default", URL, headers, forged)
