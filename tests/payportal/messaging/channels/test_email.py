"""Mail: what surely was not sent, what was refused, and what nobody knows."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from payportal.messaging.channels.base import BadKeys, Credit, NotSent, Refused, SendUnknown
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


@pytest.mark.parametrize(
    "answer, error, mark",
    [
        ("450 busy", NotSent, None),
        ("550 nobody", Refused, "unreachable"),
        ("550 5.1.1 nobody a@b.example", Refused, "unreachable"),
        ("550 5.7.1 spam", Refused, ""),
        ("554 5.1.10 null MX", Refused, "unreachable"),
        ("554 policy", Refused, ""),
    ],
)
def test_a_refused_recipient(server: MailServer, answer: str, error: type[Exception], mark: str | None) -> None:
    """RFC 3463: 5.1 is about the address, 5.7 about policy."""
    server.recipient_answer = answer
    with pytest.raises(error, match=answer[:3]) as refusal:
        Email().send(MESSAGE)
    assert "a@b.example" not in str(refusal.value)
    assert getattr(refusal.value, "mark", None) == mark


def test_the_sender_is_the_operator_at_our_address(server: MailServer, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Payments <pay@operator.example>"
    Email().send(replace(MESSAGE, sender="Blåtind, Nett\r\nBcc: x@y.example"))
    [mail] = server.mailbox
    assert mail["From"].addresses[0].display_name == "Blåtind, Nett Bcc: x@y.example"
    assert mail["From"].addresses[0].addr_spec == "pay@operator.example"
    assert mail["Bcc"] is None


def test_an_address_that_stands_in_the_text_is_not_said_twice(server: MailServer) -> None:
    Email().send(replace(MESSAGE, body=f"Se her: {MESSAGE.address}"))
    [mail] = server.mailbox
    assert mail.get_content().count(MESSAGE.address) == 1


def test_a_log_in_that_fails_is_an_alarm(server: MailServer, settings: Settings) -> None:
    server.wants_login = True
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "payportal", "wrong"
    with pytest.raises(BadKeys):
        Email().send(MESSAGE)
    assert server.mailbox == []


def log_in(settings: Settings) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "payportal", "secret"


def test_a_look_at_the_account_opens_and_closes_a_connection_and_sends_nothing(
    server: MailServer, settings: Settings
) -> None:
    server.wants_login, server.login_answer = True, "235 2.7.0 welcome"
    log_in(settings)
    assert Email().credit("default") == Credit()
    assert (server.calls, server.mailbox) == (1, [])
    assert server.farewells == 1


def test_a_look_at_the_account_finds_a_wrong_password(server: MailServer, settings: Settings) -> None:
    server.wants_login = True
    log_in(settings)
    with pytest.raises(BadKeys, match="SMTP 535"):
        Email().credit("default")


def test_a_server_that_knows_no_log_in_where_we_have_one_takes_nothing(server: MailServer, settings: Settings) -> None:
    log_in(settings)
    for ask in (lambda: Email().credit("default"), lambda: Email().send(MESSAGE)):
        with pytest.raises(BadKeys):
            ask()


def test_a_log_in_that_fails_for_now_is_no_alarm(server: MailServer, settings: Settings) -> None:
    """RFC 4954, 6: 454, temporary authentication failure."""
    server.wants_login, server.login_answer = True, "454 4.7.0 later"
    log_in(settings)
    with pytest.raises(SendUnknown):
        Email().credit("default")
    with pytest.raises(NotSent) as failure:
        Email().send(MESSAGE)
    assert type(failure.value) is NotSent


def test_a_look_at_the_account_is_over_in_time(server: MailServer, settings: Settings) -> None:
    settings.CARRIER_TIMEOUT_SECONDS, settings.EMAIL_TIMEOUT = 0.2, 5
    server.is_slow = True
    with pytest.raises(SendUnknown):
        Email().credit("default")


def test_a_server_that_is_down_or_hangs_up_says_nothing_of_our_keys(server: MailServer, settings: Settings) -> None:
    server.hang_up = "greeting"
    with pytest.raises(SendUnknown):
        Email().credit("default")
    settings.EMAIL_PORT = 9
    with pytest.raises(SendUnknown):
        Email().credit("default")


@pytest.mark.parametrize("kind", ["locmem", "console", "dummy", "filebased"])
def test_what_opens_no_connection_has_no_keys(settings: Settings, tmp_path: Path, kind: str) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{kind}.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    assert Email().credit("default") == Credit()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_slow_at_each_step_keeps_nobody_longer_than_a_claim(
    server: MailServer, settings: Settings
) -> None:
    """Greeting and log-in take too long: nothing is sent, then or later."""
    settings.CARRIER_TIMEOUT_SECONDS, settings.EMAIL_TIMEOUT = 0.2, 5
    server.is_slow = True
    with pytest.raises(NotSent):
        Email().send(MESSAGE)
    server.is_slow = False
    settings.CARRIER_TIMEOUT_SECONDS = 5
    Email().send(replace(MESSAGE, reference="on:2", body="the second"))
    assert ["the second" in mail.get_content() for mail in server.mailbox] == [True]


def test_a_server_that_is_slow_in_the_middle_leaves_it_unknown(server: MailServer, settings: Settings) -> None:
    settings.CARRIER_TIMEOUT_SECONDS, settings.EMAIL_TIMEOUT = 0.9, 5
    server.is_slow = True
    with pytest.raises(SendUnknown):
        Email().send(MESSAGE)


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
