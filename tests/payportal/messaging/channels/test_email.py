"""Mail: what surely was not sent, what was refused, and what nobody knows."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django import Settings

from payportal.messaging.channels.base import NotSent, Refused, SendUnknown
from payportal.messaging.channels.email import Email
from tests.payportal.messaging.channels import far_sides
from tests.payportal.messaging.channels.mail_server import MailServer

MESSAGE = replace(far_sides.MESSAGE, to="a@b.example")


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    with MailServer() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", running.port, 0.5
        yield running


def test_it_works(server: MailServer) -> None:
    Email().send(MESSAGE)
    [mail] = server.mailbox
    assert mail["Subject"] == "Film er på"
    assert mail["To"] == "a@b.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert "\nKvittering:\nhttps://pay.example/r/secret-address\n\nBrisvik\n" in mail.get_content().replace(
        "\r\n", "\n"
    )


def test_the_same_occasion_has_the_same_message_id(server: MailServer) -> None:
    Email().send(MESSAGE)
    Email().send(MESSAGE)
    Email().send(replace(MESSAGE, reference="on:2"))
    first, again, other = (mail["Message-ID"] for mail in server.mailbox)
    assert first == again != other


@pytest.mark.parametrize("answer, error", [("451 later", NotSent), ("552 too much", Refused), ("554 no", Refused)])
def test_a_refused_text(server: MailServer, answer: str, error: type[Exception]) -> None:
    server.answer = answer
    with pytest.raises(error, match=answer[:3]):
        Email().send(MESSAGE)


@pytest.mark.parametrize("answer, error", [("450 busy", NotSent), ("550 nobody", Refused)])
def test_a_refused_recipient(server: MailServer, answer: str, error: type[Exception]) -> None:
    server.recipient_answer = answer
    with pytest.raises(error, match=answer[:3]) as refusal:
        Email().send(MESSAGE)
    assert "a@b.example" not in str(refusal.value)


def test_a_line_that_drops_before_the_greeting_has_sent_nothing(server: MailServer) -> None:
    server.hang_up = "greeting"
    with pytest.raises(NotSent):
        Email().send(MESSAGE)


def test_a_line_that_drops_after_the_final_dot_leaves_it_unknown(server: MailServer) -> None:
    server.hang_up = "dot"
    with pytest.raises(SendUnknown):
        Email().send(MESSAGE)
    assert len(server.mailbox) == 1


def test_a_server_that_is_down_has_sent_nothing(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(NotSent):
        Email().send(MESSAGE)


def test_a_server_that_never_greets_has_sent_nothing(settings: Settings) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = *silent.getsockname(), 0.2
        with pytest.raises(NotSent):
            Email().send(MESSAGE)


@pytest.mark.parametrize("evil", ["On\r\nBcc: all@b.example", "On\nX: y\n\nbody", "On\u2028Bcc: x"])
def test_a_subject_cannot_add_a_header(server: MailServer, evil: str) -> None:
    """CASES attack 11."""
    Email().send(replace(MESSAGE, subject=evil))
    [mail] = server.mailbox
    assert mail["Bcc"] is None
    assert mail["X"] is None
    assert mail["To"] == "a@b.example"


def test_a_recipient_cannot_add_a_header(server: MailServer) -> None:
    with pytest.raises(Refused) as refusal:
        Email().send(replace(MESSAGE, to="a@b.example\r\nBcc: all@b.example"))
    assert "b.example" not in str(refusal.value)
    assert server.mailbox == []
