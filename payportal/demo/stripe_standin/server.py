"""The stand-in as a whole, to be run as a process of its own or inside a test."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections import deque
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from payportal.demo.stripe_standin import confirmation, disputes, refunds
from payportal.demo.stripe_standin.api import Api, ApiKeys
from payportal.demo.stripe_standin.debits import Debits
from payportal.demo.stripe_standin.handler import Handler
from payportal.demo.stripe_standin.journal import Journal
from payportal.demo.stripe_standin.store import Clock, Object, Store, new_id, now
from payportal.demo.stripe_standin.switches import Switches
from payportal.demo.stripe_standin.webhooks import Webhooks

LONGEST_LOG = 10_000  # requests


@dataclass(frozen=True)
class WebhookEndpoint:
    """Where events go, and the secret they are signed with. Without an address nothing is sent."""

    url: str | None = None
    secret: str = ""


class _Server(ThreadingHTTPServer):
    """Listens, and can hang up on everybody: kept-alive connections outlive a mere end of listening."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._open: set[socket.socket] = set()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the name service who we are, which can take long and is not needed.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every open connection."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class StandIn:
    """A small Stripe of one's own: `start()` gives the address for `base_addresses`.

    Everything is in memory; with a journal it is there again after a restart. `switches`
    may be set at any time. Use it as a context manager in tests.
    """

    def __init__(
        self,
        journal: Path | None = None,
        webhook: WebhookEndpoint | None = None,
        *,
        keys: ApiKeys | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
        clock: Clock = now,
    ) -> None:
        made_up = new_id("sandbox").removeprefix("sandbox_")
        self.keys = keys or ApiKeys(f"sk_test_{made_up}", f"pk_test_{made_up}")
        self.webhook = webhook or WebhookEndpoint()
        self.switches = Switches()
        self.base_url = ""
        self._address = address
        self._journal = journal
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._is_new = True
        self.store: Store
        self.api: Api

    def start(self) -> str:
        """Read the journal, listen, and begin to send what is undelivered.

        After `stop` it starts again at the same address, with everything it had: an outage.
        """
        handler = type("BoundHandler", (Handler,), {"standin": self})
        self._server = _Server(self._address, handler)
        try:
            self._open_store()
        except BaseException:
            self._server.server_close()
            raise
        self._address = (self._address[0], self._server.server_port)
        host = f"[{self._address[0]}]" if ":" in self._address[0] else self._address[0]
        self.base_url = f"http://{host}:{self._address[1]}"
        self._webhooks = Webhooks(self.store, self.switches, self.webhook.url, self.webhook.secret)
        self._webhooks.start()
        Debits(self.store, self.switches, self.api.stopping).start()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="standin", daemon=True)
        self._thread.start()
        return self.base_url

    def _open_store(self) -> None:
        if self._is_new or self._journal:
            self.store = Store(Journal(self._journal) if self._journal else None, self._clock)
        log = deque[Object](maxlen=LONGEST_LOG) if self._is_new else self.api.log
        self.api = Api(self.store, self.keys, log)
        self._is_new = False

    def stop(self) -> None:
        """Stop listening and hang up; what is undelivered stays in the journal."""
        if self._thread is None:
            return
        self.api.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._webhooks.stop()
        self._thread.join(timeout=2)
        self._thread = None
        self.store.close()

    def __enter__(self) -> StandIn:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> deque[Object]:
        """Requests received, oldest first, without secrets."""
        return self.api.log

    def objects(self, kind: str) -> list[Object]:
        """All objects of a kind (`charge`, `refund`, `event`, …), newest first."""
        return self.store.of_kind(kind)

    def paid_charges(self, **metadata: str) -> list[Object]:
        """Charges that took money, for counting; only those with this metadata, if given."""
        return [
            charge
            for charge in self.store.of_kind("charge")
            if charge["paid"] and metadata.items() <= charge["metadata"].items()
        ]

    def advance(self, intent_id: str, outcome: str | None = None) -> Object:
        """The bank answers a debit: `succeed`, `fail`, or as its account number says."""
        with self.store.work() as work:
            return confirmation.advance(work, intent_id, outcome)

    def decide(self, intent_id: str, *, is_approved: bool) -> Object:
        """The customer answers the bank's latest question (3-D Secure) without a browser."""
        with self.store.work() as work:
            asked = work.secrets_of(intent_id).get("asked", [""])
            return confirmation.decide(work, intent_id, asked[-1], is_approved=is_approved)[0]

    def dispute(self, intent_id: str, amount: int | None = None) -> Object:
        """The cardholder disputes a paid charge."""
        with self.store.work() as work:
            return disputes.open_for(work, intent_id, amount)

    def close_dispute(self, dispute_id: str, outcome: str) -> Object:
        """The dispute is `won` or `lost`."""
        with self.store.work() as work:
            return disputes.close(work, dispute_id, outcome)

    def refund(self, intent_id: str, amount: int | None = None) -> Object:
        """Somebody refunds at Stripe's dashboard: no request of ours, only events."""
        params: dict[str, Any] = {"payment_intent": intent_id} | ({"amount": amount} if amount is not None else {})
        with self.store.work() as work:
            return refunds.create(work, params)

    def deliver(self, event_ids: list[str]) -> list[int | None]:
        """Send these events now in this order, whatever was sent before; the statuses that came back."""
        return self._webhooks.deliver(event_ids)

    def signed(self, event_id: str) -> tuple[bytes, str]:
        """Body and `Stripe-Signature` header of an event, for a test that posts it itself."""
        return self._webhooks.signed(self.store.objects[event_id])

    def send_webhooks_to(self, url: str | None) -> None:
        """Another address for events made from now on; None sends nothing."""
        self.webhook = WebhookEndpoint(url, self.webhook.secret)
        self._webhooks.url = url
