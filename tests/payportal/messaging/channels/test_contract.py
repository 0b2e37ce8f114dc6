"""What every channel must do, whatever carries it. A new channel is added to ``far_side`` and passes all of this."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from pytest_django import Settings

from payportal.demo.models import OutboxMessage
from payportal.demo.phone import DemoPhone
from payportal.messaging.channels import REGISTRY
from payportal.messaging.channels.base import CannotTell, Channel, Outgoing, Question
from payportal.messaging.channels.email import Email
from payportal.messaging.channels.outbox import Outbox
from tests.payportal.messaging.channels.mail_server import MailServer
from tests.world import NOW

pytestmark = pytest.mark.django_db
MESSAGE = Outgoing(
    reference="on:1",
    to="a@b.example",
    sender="Brisvik",
    language="nb",
    subject="Film er på",
    body="Film er på. <b>=1+1</b>\n.\nHilsen",
    address="https://pay.example/r/secret-address",
    address_label="Kvittering",
)


@dataclass
class FarSide:
    """A channel together with a way to see what arrived."""

    channel: Channel
    server: MailServer | None = None

    def arrived(self) -> list[str]:
        if self.server:
            return [mail.get_content() for mail in self.server.mailbox]
        return list(OutboxMessage.objects.order_by("pk").values_list("body", flat=True))


def ask(reference: str) -> Question:
    return Question(reference=reference, handover="h", account="default", to=MESSAGE.to, code="", sent_at=NOW)


@contextmanager
def far_side(code: str, settings: Settings) -> Iterator[FarSide]:
    if code == "outbox":
        yield FarSide(Outbox(DemoPhone()))
        return
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 1
        yield FarSide(Email(), server)


@pytest.fixture(params=sorted(REGISTRY))
def side(request: pytest.FixtureRequest, settings: Settings) -> Iterator[FarSide]:
    with far_side(request.param, settings) as made:
        yield made


def test_it_works(side: FarSide) -> None:
    side.channel.send(MESSAGE)
    [text] = side.arrived()
    assert "Film er på. <b>=1+1</b>" in text


def test_its_code_is_the_one_it_is_registered_under(side: FarSide) -> None:
    assert type(REGISTRY[side.channel.code]) is type(side.channel)
    assert side.channel.reaches in ("phone", "email")


def test_the_carriers_reference_is_the_same_for_the_same_occasion(side: FarSide) -> None:
    first, second = side.channel.send(MESSAGE), side.channel.send(MESSAGE)
    assert first == second != side.channel.send(replace(MESSAGE, reference="on:2"))


def test_asking_finds_what_arrived_or_says_that_it_cannot(side: FarSide) -> None:
    try:
        assert side.channel.look_up(ask("on:1")) is None
    except CannotTell:
        with pytest.raises(CannotTell):
            side.channel.look_up(ask("on:2"))
    else:
        sent = side.channel.send(MESSAGE)
        assert side.channel.look_up(ask("on:1")) == sent
        assert side.channel.look_up(ask("on:2")) is None


def test_a_message_says_nothing_secret_of_itself() -> None:
    """It may stand in a log or an error: neither who it is for, nor what it says, nor what it opens."""
    shown = repr(MESSAGE) + str(MESSAGE)
    assert "secret-address" not in shown
    assert "a@b.example" not in shown
    assert "=1+1" not in shown
