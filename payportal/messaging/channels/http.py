"""What all carriers over HTTP share: one call, over in time, and what its failure means.

Each call has a connection of its own: on one that was kept, a carrier's closing it would be told from a message that
was taken and not answered by luck alone. Redirects are not followed and the environment's proxies not used, since
either would carry our keys and a customer's number elsewhere.
"""

import base64
import json
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from socket import SHUT_RDWR
from typing import Any

import httpx
from django.conf import settings

from payportal.messaging.channels.base import BadKeys, NoCredit, NotSent, Refused, SendUnknown
from payportal.messaging.channels.bounded import Abandoned, Attempt, longest

# A page of a thousand messages is about 1.2 MB.
LONGEST_ANSWER = 4 * 1024 * 1024
# A carrier that names no time has none to name; a longer one is a mistake or a joke.
LONGEST_WAIT_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a carrier answered, read to the end. Its body may repeat a number or a text: it is in no log."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def fields(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def retry_after(self) -> float | None:
        """Seconds to wait (RFC 9110, 10.2.3: a number of seconds or a date), if the carrier asked for any."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text), LONGEST_WAIT_SECONDS)
        until = moment(text)
        if until is None:
            return None
        # By the carrier's own clock where it shows it.
        now = moment(self.headers.get("Date", "")) or datetime.now(UTC)
        return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT_SECONDS)


def send(request: httpx.Request) -> Answer:
    """Make a call that sends something; the answer may be of any status (see ``check``).

    Raises NotSent when nothing of the request had left us (no such host, refused, no connection in time, TLS), and
    SendUnknown when something had and no whole answer came.
    """
    attempt: Attempt[Answer] = Attempt(longest())

    def work() -> Answer:
        try:
            return _call(request, attempt)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, Abandoned) as error:
            # The error's own words hold the address that was called.
            raise attempt.failure(type(error).__name__) from None

    return attempt.run(work)


def ask(request: httpx.Request) -> Answer:
    """Make a call that changes nothing; the answer is a good one. Raises SendUnknown for everything else.

    Keys that are refused raise BadKeys (401 and 403 alone: an address that is not there says nothing of our keys).
    """
    try:
        answer = send(request)
        check(answer)
    except BadKeys as error:
        if answer.status in (401, 403):
            raise
        raise SendUnknown(str(error)) from None
    except (NotSent, Refused) as error:
        raise SendUnknown(str(error)) from None
    return answer


def check(answer: Answer) -> None:
    """Raise what an answer's status means, if it is not a good one."""
    if not answer.is_good:
        raise failure(answer)


def failure(answer: Answer) -> NotSent | Refused | SendUnknown:
    """What an answer's status means where the carrier's own error code says nothing better.

    After a 5xx nobody knows whether the message was taken, nor after a redirect, which comes from somebody else.
    """
    text = f"HTTP {answer.status}"
    if answer.status in (401, 403, 404, 405):
        return BadKeys(text)
    if answer.status == 402:
        return NoCredit(text)
    if answer.status == 429:
        return NotSent(text, retry_after=answer.retry_after())
    if 400 <= answer.status < 500 and answer.status != 408:
        return Refused(text)
    return SendUnknown(text)


def basic(user: str, password: str) -> dict[str, str]:
    """The header of Basic authentication (RFC 7617)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header of a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


def _call(request: httpx.Request, attempt: Attempt[Answer]) -> Answer:
    def trace(event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            line = info["return_value"].get_extra_info("socket")
            attempt.on_abandon = lambda: line.shutdown(SHUT_RDWR)
        elif event == "http11.send_request_headers.started":
            attempt.begin()

    seconds = settings.CARRIER_TIMEOUT_SECONDS
    request.extensions |= {"trace": trace, "timeout": httpx.Timeout(seconds).as_dict()}
    with httpx.Client(verify=_trust(), trust_env=False, follow_redirects=False) as client:
        answer = client.send(request, stream=True)
        try:
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > LONGEST_ANSWER:
                    raise attempt.failure("answer too long")
        finally:
            answer.close()
    return Answer(answer.status_code, answer.headers, bytes(body))


@cache
def _trust() -> ssl.SSLContext:
    """Read once: the list of authorities takes longer to read than a call takes."""
    return httpx.create_ssl_context(trust_env=False)


def moment(text: str) -> datetime | None:
    """A time as headers and mails write it (RFC 5322); None: it is none."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
