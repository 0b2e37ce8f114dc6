"""Services that send mail over HTTP, as django-anymail calls them: what their failures mean."""

from typing import Any

import httpx
import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailAPIError
from django.core.mail import EmailMessage
from urllib3.exceptions import NewConnectionError, SSLError

from payportal.messaging.channels import http
from payportal.messaging.channels.base import NotSent, Refused, SendUnknown

# The connection never stood: nothing of the message left us.
NOT_CONNECTED = (NewConnectionError, SSLError)


def keep_to_ourselves(connection: object) -> None:
    """No proxies of the environment and no redirects, either of which would carry our keys elsewhere."""
    if isinstance(connection, AnymailRequestsBackend) and connection.session is not None:
        connection.session.trust_env = False
        connection.session.max_redirects = 0


def reference(mail: EmailMessage) -> str:
    """The service's own name of a mail that it took; empty for a plain mail server."""
    found: Any = getattr(getattr(mail, "anymail_status", None), "message_id", None)
    return found if isinstance(found, str) else ""


def failure(error: AnymailAPIError) -> NotSent | Refused | SendUnknown:
    """By the answer's status where there is one, else by how far the call came. The error's own words name people."""
    if isinstance(error, requests.ConnectTimeout) or _is_unconnected(error.__cause__):
        return NotSent("no connection")
    answer = error.response
    if answer is None:
        return SendUnknown("no answer")
    found = http.Answer(answer.status_code, httpx.Headers(dict(answer.headers)), b"")
    # A service may name its refusal in the body alone; then nothing was taken. Success that can't be read is none.
    return SendUnknown("an answer that can't be read") if found.is_good else http.failure(found)


def _is_unconnected(cause: BaseException | None) -> bool:
    """requests wraps urllib3's reason twice, and calls a broken answer a ConnectionError as well."""
    if not isinstance(cause, requests.ConnectionError) or not cause.args:
        return False
    return isinstance(getattr(cause.args[0], "reason", None), NOT_CONNECTED)
