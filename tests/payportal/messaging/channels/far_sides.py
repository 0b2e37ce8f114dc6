"""What the contract suite needs of the far side of a channel, and the servers that play a carrier.

A carrier over HTTP is a subclass of ``CarrierServer`` in a module of its own that says how the carrier answers when all
is well (``answer``) and how it words a refusal (``error``); what goes wrong on the way is played here for all of them.
"""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlsplit

from pytest_django import Settings

from payportal.messaging.channels import REGISTRY
from payportal.messaging.channels.base import Channel, Outgoing, Question
from tests.world import NOW

State = Literal["accepted", "delivered", "read", "undelivered"]
CALLBACK = "https://pay.example/webhooks/messages"
HANDOVER = "ho-0123456789abcdef"
# Numbers for fiction (Ofcom).
PHONE = "+447700900123"
MESSAGE = Outgoing(
    reference="on:1",
    to=PHONE,
    sender="Brisvik",
    language="nb",
    subject="Film er på",
    body="Film er på. <b>=1+1</b>\n.\nKode K7M-42P-Q9X",
    address="https://pay.example/r/secret-address",
    address_label="Kvittering",
    handover=HANDOVER,
    code="K7M42PQ9X",
)


@dataclass(frozen=True)
class Posted:
    """What a carrier posts to us."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Asked:
    """A request as it came to a carrier."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """A carrier's answer; ``body`` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class FarSide(ABC):
    """A channel together with a way to see what arrived. One code's, made anew for every test."""

    # Whether it tells a second sending for the same occasion from a first, and then shows one message.
    knows_occasions: ClassVar[bool] = False
    to: ClassVar[str] = PHONE

    def __init__(self, code: str, settings: Settings) -> None:
        self.code = code
        self.settings = settings

    @property
    def channel(self) -> Channel:
        return REGISTRY[self.code]

    @property
    def message(self) -> Outgoing:
        return replace(MESSAGE, to=self.to, callback=f"{CALLBACK}/{self.code}/default")

    def question(self, **changes: Any) -> Question:
        asked = Question(
            reference=MESSAGE.reference,
            handover=HANDOVER,
            account="default",
            to=self.to,
            code=MESSAGE.code,
            sent_at=NOW,
        )
        return replace(asked, **changes)

    @abstractmethod
    def arrived(self) -> list[str]:
        """The texts that the carrier has taken, oldest first."""

    @contextmanager
    def running(self) -> Iterator["FarSide"]:
        """Have it there for the length of a test."""
        yield self


class CarrierServer(FarSide):
    """A carrier over HTTP, on this machine, that answers as documented or misbehaves as it is told."""

    # Whether a byte changed in what it posts is found out: not where a secret in the address is all there is.
    signs_body: ClassVar[bool] = True
    # Whether what customers write back comes to us.
    hears: ClassVar[bool] = True
    # What it tells of a message.
    states: ClassVar[tuple[State, ...]] = ("accepted", "delivered", "read", "undelivered")

    def __init__(self, code: str, settings: Settings) -> None:
        super().__init__(code, settings)
        self.asked: list[Asked] = []
        self.released = threading.Event()
        self._fault: Callable[[_Handler, Asked], bool] | None = None

    @abstractmethod
    def use(self, base: str) -> None:
        """Let settings name this server and the keys it knows."""

    @abstractmethod
    def lose_keys(self) -> None:
        """Let settings hold keys that this server doesn't know."""

    @abstractmethod
    def answer(self, asked: Asked) -> Reply:
        """What the carrier answers when all is well: checks keys and fields, takes messages."""

    @abstractmethod
    def error(self, status: int) -> Any:
        """The body that comes with a status of failure."""

    @abstractmethod
    def refuse_number(self) -> None:
        """Let the next message be refused since its number can't be reached on this medium, in the carrier's words."""

    @abstractmethod
    def receipt(self, state: State) -> Posted:
        """What it posts, rightly signed, of a message with the handover ``HANDOVER`` and the reference ``known``."""

    @abstractmethod
    def said(self, text: str) -> Posted:
        """What it posts, rightly signed, when the owner of ``to`` writes back."""

    def drop_webhook_keys(self) -> None:
        """Let settings hold no key to check signatures with."""
        self.lose_keys()

    def fail_with(self, status: int, headers: dict[str, str] | None = None) -> None:
        """Answer everything with this status from now on, and take nothing."""
        reply = Reply(status, self.error(status), headers or {})
        self._fault = lambda handler, asked: handler.reply(reply)

    def hang(self) -> None:
        """Take nothing and answer nothing."""
        self._fault = lambda handler, asked: self.released.wait(30) and False

    def take_and_break(self) -> None:
        """Take what comes, and be gone before the answer is out."""

        def fault(handler: "_Handler", asked: Asked) -> bool:
            self.answer(asked)
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
            return False

        self._fault = fault

    def take_and_drip(self) -> None:
        """Take what comes, and answer a byte at a time, for ever."""

        def fault(handler: "_Handler", asked: Asked) -> bool:
            self.answer(asked)
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.released.wait(0.05):
                handler.wfile.write(b"x")
            return False

        self._fault = fault

    def answer_nonsense(self) -> None:
        """Answer with success and a body that no carrier would send; nobody can tell what it took."""
        self._fault = lambda handler, asked: handler.reply(Reply(200, b"<html>it works</html>"))

    def redirect(self) -> None:
        """Send everybody elsewhere."""
        self._fault = lambda handler, asked: handler.reply(Reply(307, b"", {"Location": f"{self.base}/elsewhere"}))

    def recover(self) -> None:
        """Do as documented again."""
        self._fault = None

    def handle(self, handler: "_Handler", asked: Asked) -> bool:
        """Whether the line stays open."""
        self.asked.append(asked)
        if self._fault:
            return self._fault(handler, asked)
        return handler.reply(self.answer(asked))

    @contextmanager
    def running(self) -> Iterator["CarrierServer"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"carrier": self}))
        server.daemon_threads = True
        self.base = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.settings.CARRIER_TIMEOUT_SECONDS = 5
        self.use(self.base)
        try:
            yield self
        finally:
            self.released.set()
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    carrier: CarrierServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), self.headers, body)
        try:
            stays = self.carrier.handle(self, asked)
        except OSError:
            # Who called has hung up.
            stays = False
        self.close_connection = not stays

    do_POST = do_GET

    def reply(self, reply: Reply) -> bool:
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response_only(reply.status)
        standing = {"Content-Type": "application/json", "Date": self.date_time_string()}
        for name, value in {**standing, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return True

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests' output is for the tests."""


def eventually(is_so: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether something comes true before the deadline."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
