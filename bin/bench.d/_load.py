"""A small HTTP client that keeps its connections: as many threads as asked for, each with a socket of its own."""

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

TIMEOUT_SECONDS = 30.0
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: its status, its headers with small letters, and its body as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Rate:
    """So many answers in so many seconds."""

    count: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


class Connection:
    """One kept connection; opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None

    def ask(self, request: bytes) -> Answer:
        """Send a whole request and read the whole answer."""
        for attempt in (1, 2):
            try:
                return self._ask(request)
            except ConnectionError:
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _ask(self, request: bytes) -> Answer:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" not in headers:
            raise SystemExit(f"an answer without a length: {head.decode('latin-1')}")
        while len(body) < int(headers["content-length"]):
            body += self._receive()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(first.split()[1]), headers, body)

    def _receive(self) -> bytes:
        assert self.socket
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def get(path: str, **headers: str) -> bytes:
    """A GET as a phone's browser sends it."""
    return _request("GET", path, headers, b"")


def post(path: str, body: bytes, **headers: str) -> bytes:
    return _request("POST", path, headers, body)


def rate_for(
    port: int, requests: bytes | Sequence[bytes], *, seconds: float, connections: int, status: int = 200
) -> Rate:
    """Requests answered so, one or several in turn, again and again. SystemExit for any other answer."""
    until = time.perf_counter() + seconds
    turn = itertools.cycle([requests] if isinstance(requests, bytes) else requests)

    def endless() -> Iterator[bytes]:
        while time.perf_counter() < until:
            yield next(turn)

    return _rate(port, [endless] * connections, status)


def rate_of(port: int, requests: Sequence[bytes], *, connections: int) -> Rate:
    """Requests answered 200, each of them sent once."""
    return _rate(port, [lambda part=part: iter(requests[part::connections]) for part in range(connections)])


def _rate(port: int, sources: Sequence[Callable[[], Iterator[bytes]]], status: int = 200) -> Rate:
    statuses: Counter[int] = Counter()
    lock = threading.Lock()

    def run(source: Callable[[], Iterator[bytes]]) -> None:
        connection, mine = Connection(port), Counter[int]()
        for request in source():
            mine[connection.ask(request).status] += 1
        connection.close()
        with lock:
            statuses.update(mine)

    threads = [threading.Thread(target=run, args=(source,)) for source in sources]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if set(statuses) != {status}:
        raise SystemExit(f"answers were not all {status}: {dict(statuses)}")
    return Rate(statuses[status], took)


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = {
        "Host": "localhost",
        "User-Agent": PHONE,
        "Accept": "text/html,application/xhtml+xml",
        "Accept-Encoding": "gzip, deflate, br",
        "Accept-Language": "en-GB,en;q=0.9",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
