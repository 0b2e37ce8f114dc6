"""Events are sent to the webhook until it answers 2xx, signed by the SDK's own function.

What is undelivered lies in the journal and goes out after a restart. Order and number
are not promised, as at Stripe.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stripe import WebhookSignature

from payportal.demo.stripe_standin.store import Object, Store
from payportal.demo.stripe_standin.switches import Switches

FIRST_RETRY, LONGEST_RETRY = 0.5, 10.0  # seconds; Stripe's own are minutes and hours
PATIENCE = 10.0  # seconds for an answer
SENDERS = 4
GIVE_UP_AFTER = 3 * 24 * 60 * 60  # seconds
LOOK_EVERY = 0.1  # seconds, where only a switch or the clock can tell
REORDER_WITHIN = 3.0  # seconds after which a batch is sent though it isn't full


@dataclass(order=True)
class Delivery:
    """One event on its way; several for one event if it is to be sent more than once."""

    due: float
    number: int
    event_id: str = field(compare=False)
    since: float = field(compare=False)
    pause: float = field(compare=False, default=FIRST_RETRY)


class Webhooks:
    """A queue ordered by time, and a few threads that send from it."""

    def __init__(self, store: Store, switches: Switches, url: str | None, secret: str) -> None:
        self._store, self._switches = store, switches
        self.url, self._secret = url, secret
        self._queue: list[Delivery] = []
        self._batch: list[Delivery] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Send what an earlier process left, and everything from now on."""
        self._store.on_deliveries = self.enqueue
        self.enqueue(list(self._store.undelivered.values()))
        for number in range(SENDERS):
            thread = threading.Thread(target=self._run, name=f"webhooks-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=2)

    def enqueue(self, deliveries: list[Object]) -> None:
        """Plan the first delivery of each event, as the switches say."""
        for owed in deliveries:
            if self.url is None or self._switches.take_drop():
                self._store.delivered(owed["event"])
                continue
            due = time.monotonic() + self._switches.webhook_delay
            for _copy in range(max(1, self._switches.webhook_copies)):
                self._plan(Delivery(due, next(self._numbers), owed["event"], owed["since"]))

    def _plan(self, delivery: Delivery) -> None:
        with self._changed:
            if self._switches.webhook_reorder > 1:
                self._batch.append(delivery)
                if len(self._batch) >= self._switches.webhook_reorder:
                    self._release_batch()
            else:
                heapq.heappush(self._queue, delivery)
            self._changed.notify()

    def _release_batch(self) -> None:
        now = time.monotonic()
        for place, delivery in enumerate(reversed(self._batch)):
            delivery.due = max(delivery.due, now) + place * 0.05  # so that one after the other arrives
            heapq.heappush(self._queue, delivery)
        self._batch = []

    def deliver(self, event_ids: list[str]) -> list[int | None]:
        """Send these events now, one after the other in this order; None where no answer came."""
        return [self._send(event_id) for event_id in event_ids]

    def signed(self, event: Object) -> tuple[bytes, str]:
        """The body of a delivery and its `Stripe-Signature` header, made now."""
        payload = json.dumps(event, indent=2)
        return payload.encode(), WebhookSignature.generate_signature_header(payload, self._secret, int(time.time()))

    def _next(self) -> Delivery | None:
        with self._changed:
            while not self._is_stopping:
                now = time.monotonic()
                if self._batch and now - self._batch[0].due > REORDER_WITHIN:
                    self._release_batch()
                is_held = self._switches.webhook_hold
                if self._queue and self._queue[0].due <= now and not is_held:
                    return heapq.heappop(self._queue)
                is_looking = is_held or self._batch or not self._queue
                self._changed.wait(LOOK_EVERY if is_looking else self._queue[0].due - now)
            return None

    def _run(self) -> None:
        while delivery := self._next():
            status = self._send(delivery.event_id)
            if status is not None and 200 <= status < 300:
                continue
            if self._store.clock() - delivery.since > GIVE_UP_AFTER:
                self._store.delivered(delivery.event_id)
                continue
            delivery.due = time.monotonic() + delivery.pause
            delivery.pause = min(delivery.pause * 2, LONGEST_RETRY)
            with self._changed:
                heapq.heappush(self._queue, delivery)

    def _send(self, event_id: str) -> int | None:
        event = self._store.objects.get(event_id)
        if event is None or self.url is None:
            return None
        try:
            status = _post(self.url, *self.signed(event))
        except (OSError, http.client.HTTPException):
            return None
        if 200 <= status < 300 and event_id in self._store.undelivered:
            self._store.delivered(event_id)
        return status


def _post(url: str, body: bytes, signature: str) -> int:
    """The status the webhook answers with. No proxy and no redirect is followed, as at Stripe."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature,
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    try:
        connection.request("POST", parts.path or "/", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
