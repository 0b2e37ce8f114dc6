import hashlib
import re
import smtplib
from collections.abc import Mapping, Sequence
from email.headerregistry import Address
from email.utils import parseaddr
from socket import SHUT_RDWR
from typing import Any, Literal

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import BadHeaderError, EmailMessage, get_connection
from django.core.mail.backends import smtp

from payportal.messaging.channels import mail_events, mail_service
from payportal.messaging.channels.base import (
    BadKeys,
    CannotTell,
    Channel,
    Credit,
    News,
    NotSent,
    Outgoing,
    Question,
    Refused,
    SendUnknown,
)
from payportal.messaging.channels.bounded import Abandoned, Attempt, longest

PERMANENT = 500
# No such mailbox, or none of ours to reach (RFC 5321, 4.2.3), where no enhanced code says it better (RFC 3463: 5.1.x).
NO_MAILBOX = {550, 551, 553}


class Email(Channel):
    """Mail as plain text, by the site's own mail server (settings EMAIL_*) or by a service that django-anymail knows.

    SMTP can't be asked what became of a message, nor can the services: one whose last answer never came is not sent
    again. The Message-ID is made of the reference, so that a mailbox that gets it twice after all knows that it is one.
    """

    code = "email"
    medium = "email"
    reaches = "email"

    def send(self, message: Outgoing) -> str:
        mail = _mail(message, _connection())
        attempt: Attempt[str] = Attempt(longest())
        return attempt.run(lambda: _send(mail, attempt))

    def look_up(self, question: Question) -> str | None:
        raise CannotTell

    def credit(self, account: str) -> Credit:
        """Nobody tells of money; a mail server that lets us in shows that the password is still good.

        Of a mail service only that its keys are set: what asks it about them is another call at each service.
        """
        connection = _connection()
        if not isinstance(connection, smtp.EmailBackend):
            return Credit()
        attempt: Attempt[Credit] = Attempt(longest())
        try:
            return attempt.run(lambda: _greeted(connection, attempt))
        except BadKeys:
            raise
        except NotSent as error:
            raise SendUnknown(str(error)) from None

    def receive(self, account: str, url: str, headers: Mapping[str, str], body: bytes) -> Sequence[News]:
        """What a mail service posts; a plain mail server posts nothing."""
        if account != "default":
            raise KeyError(account)
        return mail_events.received(settings.EMAIL_BACKEND, url, headers, body)


def _connection() -> Any:
    try:
        return get_connection()
    except ImproperlyConfigured as error:
        raise BadKeys(type(error).__name__) from None


def _mail(message: Outgoing, connection: Any) -> EmailMessage:
    message_id = f"<{hashlib.sha256(message.reference.encode()).hexdigest()[:40]}@payportal>"
    sender = " ".join(message.sender.splitlines())
    try:
        mail = EmailMessage(
            subject=" ".join(message.subject.splitlines()),
            body=_text(message),
            from_email=str(Address(sender, addr_spec=parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
            to=[message.to],
            headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
            connection=connection,
        )
    except ValueError as error:
        raise Refused(type(error).__name__) from None
    # anymail gives it to the service, which gives it back with what became of the message.
    mail.metadata = {"handover": message.handover}  # type: ignore[attr-defined]
    return mail


def _send(mail: EmailMessage, attempt: Attempt[str]) -> str:
    connection: Any = mail.connection
    _open(connection, attempt)
    try:
        mail_service.keep_to_ourselves(connection)
        attempt.begin()
    except Abandoned as error:
        raise NotSent(type(error).__name__) from None
    try:
        connection.send_messages([mail])
    except AnymailRecipientsRefused:
        raise Refused("the mail service refuses the mailbox", mark="unreachable") from None
    except AnymailAPIError as error:
        raise mail_service.failure(error) from None
    except (BadHeaderError, ValueError, AnymailError) as error:
        # An address or subject that can't stand in a header; the error's own words would repeat it.
        raise Refused(type(error).__name__) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused_recipient(error) from None
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code) from None
    except (OSError, smtplib.SMTPException) as error:
        raise SendUnknown(type(error).__name__) from None
    finally:
        _close_quietly(connection)
    return mail_service.reference(mail) or str(mail.extra_headers["Message-ID"])


def _open(connection: Any, attempt: Attempt[Any]) -> None:
    """Until the connection stands nothing can have been sent, whatever goes wrong."""
    attempt.on_abandon = lambda: _cut(connection)
    try:
        connection.open()
    except smtplib.SMTPAuthenticationError as error:
        # RFC 4954, 6: 454 is for now.
        kind = BadKeys if error.smtp_code >= PERMANENT else NotSent
        raise kind(f"SMTP {error.smtp_code}") from None
    except smtplib.SMTPNotSupportedError as error:
        # It takes no log-in, or none without TLS, and ours needs one: no message will fare better.
        raise BadKeys(type(error).__name__) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(type(error).__name__) from None


def _greeted(connection: Any, attempt: Attempt[Credit]) -> Credit:
    _open(connection, attempt)
    _close_quietly(connection)
    return Credit()


def _refused_recipient(error: smtplib.SMTPRecipientsRefused) -> NotSent | Refused:
    code, text = max(error.recipients.values())
    enhanced = re.match(rb"5\.(\d+)\.\d+", text)
    is_nobody = enhanced[1] == b"1" if enhanced else code in NO_MAILBOX
    return _by_code(code, mark="unreachable" if is_nobody else "")


def _by_code(code: int, mark: Literal["", "unreachable"] = "") -> NotSent | Refused:
    """RFC 5321: 4yz is for now, 5yz for good."""
    return Refused(f"SMTP {code}", mark=mark) if code >= PERMANENT else NotSent(f"SMTP {code}")


def _text(message: Outgoing) -> str:
    parts = [message.body]
    if message.address and message.address not in message.body:
        parts.append(f"{message.address_label}:\n{message.address}")
    parts.append(message.sender)
    return "\n\n".join(parts) + "\n"


def _cut(connection: Any) -> None:
    """End a conversation with a mail server that a thread is still in."""
    line = getattr(getattr(connection, "connection", None), "sock", None)
    if line is not None:
        line.shutdown(SHUT_RDWR)


def _close_quietly(connection: Any) -> None:
    """The answer is known by now; a farewell that fails changes nothing."""
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        pass
