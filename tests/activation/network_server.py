"""The simulated network behind the HTTP interface of docs/activation.md, on a port of its own."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from activation.provisioners.base import (
    ProvisionerRefused,
    ProvisionerUnavailable,
    ProvisionerUnknown,
    ServiceOrder,
    ServiceState,
)
from activation.provisioners.simulator import Simulator

TOKEN = "made-up-token"


class NetworkServer(ThreadingHTTPServer):
    """Keeps what was asked, so that tests can see the headers; ``raw`` replaces every answer by these bytes."""

    daemon_threads = True

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.simulator = simulator
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.raw: bytes | None = None
        self.released = threading.Event()
        self.hangs = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/net"


class _Handler(BaseHTTPRequestHandler):
    server: NetworkServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_answered_otherwise():
            return
        order = ServiceOrder(
            idempotency_key=self.headers["Idempotency-Key"],
            action=body["action"],
            service_code=body["service"],
            service_reference=body["serviceReference"],
            device_reference=body["device"] or "",
            duration_days=body["durationDays"],
        )
        try:
            self._state(self.server.simulator.switch(order))
        except ProvisionerRefused:
            self._answer(422, {"code": "not_possible"})
        except ProvisionerUnavailable:
            self._answer(503, {"code": "busy"})
        except ProvisionerUnknown:
            # Nothing more comes on this connection.
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def do_GET(self) -> None:
        if self._is_answered_otherwise():
            return
        found = self.server.simulator.look_up(self.path.rpartition("/")[2])
        if found is None:
            self._answer(404, {"code": "unknown_order"})
        else:
            self._state(found)

    def _is_answered_otherwise(self) -> bool:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        if self.server.hangs:
            self.server.released.wait(30)
            self.close_connection = True
        elif self.server.raw is not None:
            self.wfile.write(self.server.raw)
            self.close_connection = True
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"code": "who_are_you"})
        else:
            return False
        return True

    def _state(self, state: ServiceState) -> None:
        self._answer(200, {"id": state.network_reference, "state": "completed" if state.is_done else "inProgress"})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(simulator: Simulator) -> Iterator[NetworkServer]:
    server = NetworkServer(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
