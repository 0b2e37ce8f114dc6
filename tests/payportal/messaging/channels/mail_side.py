"""The far sides that are no carriers over HTTP: a mail server, and the demo's phone."""

from collections.abc import Iterator
from contextlib import contextmanager

from payportal.demo.models import OutboxMessage
from payportal.demo.phone import DemoPhone
from payportal.messaging.channels.base import Channel
from payportal.messaging.channels.outbox import Outbox
from tests.payportal.messaging.channels.far_sides import FarSide
from tests.payportal.messaging.channels.mail_server import MailServer


class MailSide(FarSide):
    """A mail server (RFC 5321)."""

    knows_occasions = True
    to = "a@b.example"

    def arrived(self) -> list[str]:
        return [mail.get_content() for mail in self.server.mailbox]

    @contextmanager
    def running(self) -> Iterator["MailSide"]:
        with MailServer() as self.server:
            self.settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            self.settings.EMAIL_HOST, self.settings.EMAIL_PORT = "127.0.0.1", self.server.port
            self.settings.EMAIL_TIMEOUT = 5
            yield self


class PhoneSide(FarSide):
    """The demo's phone."""

    knows_occasions = True

    @property
    def channel(self) -> Channel:
        return Outbox(DemoPhone())

    def arrived(self) -> list[str]:
        return list(OutboxMessage.objects.order_by("pk").values_list("body", flat=True))
