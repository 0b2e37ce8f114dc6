import hashlib
import smtplib

from django.core.mail import BadHeaderError, EmailMessage, get_connection

from payportal.messaging.channels.base import CannotTell, Channel, NotSent, Outgoing, Question, Refused, SendUnknown

PERMANENT = 500


class Email(Channel):
    """Mail by the site's own mail server (settings EMAIL_*), as plain text.

    SMTP can't be asked what became of a message: one whose answer to the final dot never came is not sent again. The
    Message-ID is made of the reference, so that a mailbox that gets it twice after all knows that it is one.
    """

    code = "email"
    medium = "email"
    reaches = "email"

    def send(self, message: Outgoing) -> str:
        message_id = f"<{hashlib.sha256(message.reference.encode()).hexdigest()[:40]}@payportal>"
        connection = get_connection()
        mail = EmailMessage(
            subject=" ".join(message.subject.splitlines()),
            body=_text(message),
            to=[message.to],
            headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
            connection=connection,
        )
        try:
            # Until the connection stands nothing can have been sent, whatever goes wrong.
            connection.open()
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(type(error).__name__) from None
        try:
            connection.send_messages([mail])
        except (BadHeaderError, ValueError) as error:
            # An address or subject that can't stand in a header; the error's own words would repeat it.
            raise Refused(type(error).__name__) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise _by_code(max(code for code, _ in error.recipients.values())) from None
        except smtplib.SMTPResponseException as error:
            raise _by_code(error.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            raise SendUnknown(type(error).__name__) from None
        finally:
            _close_quietly(connection)
        return message_id

    def look_up(self, question: Question) -> str | None:
        raise CannotTell


def _by_code(code: int) -> NotSent | Refused:
    """RFC 5321: 4yz is for now, 5yz for good."""
    return Refused(f"SMTP {code}") if code >= PERMANENT else NotSent(f"SMTP {code}")


def _text(message: Outgoing) -> str:
    parts = [message.body]
    if message.address:
        parts.append(f"{message.address_label}:\n{message.address}")
    parts.append(message.sender)
    return "\n\n".join(parts) + "\n"


def _close_quietly(connection: object) -> None:
    """The answer is known by now; a farewell that fails changes nothing."""
    try:
        connection.close()  # type: ignore[attr-defined]
    except (OSError, smtplib.SMTPException):
        pass
