"""Everything the stand-in knows lives in memory, and in the journal from which it is read at start.

One lock serialises all changes: the stand-in serves a handful of requests a second,
and Stripe too lets only one request at a time touch a PaymentIntent.
"""

from __future__ import annotations

import copy
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from payportal.demo.stripe_standin.errors import missing
from payportal.demo.stripe_standin.journal import Journal

API_VERSION = "2026-10-28.endive"
LETTERS = string.ascii_letters + string.digits

Object = dict[str, Any]
Clock = Callable[[], float]


def now() -> float:
    """Seconds since 1970; replaced in tests that need another day."""
    return time.time()


def new_id(prefix: str) -> str:
    """An identifier like Stripe's: a prefix and 24 letters and digits nobody can guess."""
    return f"{prefix}_" + "".join(secrets.choice(LETTERS) for _ in range(24))


class Work:
    """What one request changes: kept apart until it is committed as one line of the journal."""

    def __init__(self, store: Store, request: Object, base_url: str) -> None:
        self._store = store
        self.now = int(store.clock())
        self.request = request
        self.base_url = base_url
        self.objects: dict[str, Object] = {}
        self.private: dict[str, Object] = {}
        self.answer: Object | None = None
        self.deliveries: list[Object] = []

    def add(self, made: Object, **private: Any) -> Object:
        """Take in a new object; `private` is what Stripe knows of it but never shows."""
        self.objects[made["id"]] = made
        if private:
            self.private[made["id"]] = private
        return made

    def find(self, kind: str, identifier: str, parameter: str = "id") -> Object:
        """The object to read or to change, or 404."""
        found = self.objects.get(identifier)
        if found is None and identifier in self._store.objects:
            found = self.objects[identifier] = copy.deepcopy(self._store.objects[identifier])
        if found is None or found["object"] != kind:
            raise missing(kind, identifier[:80], parameter)
        return found

    def secrets_of(self, identifier: str) -> Object:
        """What is known of an object but never shown; changes are kept."""
        if identifier not in self.private:
            self.private[identifier] = copy.deepcopy(self._store.private.get(identifier, {}))
        return self.private[identifier]

    def emit(self, kind: str, about: Object) -> None:
        """Make an event with the object as it is now; it is sent after the commit."""
        event: Object = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": {"object": copy.deepcopy(about)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": dict(self.request),
            "type": kind,
        }
        self.objects[event["id"]] = event
        self.deliveries.append({"event": event["id"], "since": self._store.clock()})

    def forget(self) -> None:
        """Drop the changes, as after an error that leaves everything as it was."""
        self.objects, self.private, self.deliveries = {}, {}, []

    def record(self) -> Object:
        """The line for the journal: what is new or different, not what was only looked at."""
        known, hidden = self._store.objects, self._store.private
        return {
            "objects": [made for key, made in self.objects.items() if made != known.get(key)],
            "private": {key: made for key, made in self.private.items() if made != hidden.get(key, {})},
            "answer": self.answer,
            "deliveries": self.deliveries,
        }


class Store:
    """All objects by their id, in the order they were made; kept answers; undelivered events."""

    def __init__(self, journal: Journal | None = None, clock: Clock = now) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.objects: dict[str, Object] = {}
        self.kinds: dict[str, list[str]] = {}
        self.private: dict[str, Object] = {}
        self.answers: dict[str, Object] = {}
        self.undelivered: dict[str, Object] = {}
        self.processing: set[str] = set()
        self.on_deliveries: Callable[[list[Object]], None] = lambda deliveries: None
        self._journal = journal
        for record in journal.replay() if journal else ():
            self._apply(record)

    @contextmanager
    def work(self, request_id: str | None = None, key: str | None = None, base_url: str = "") -> Iterator[Work]:
        """Change things as one: all of it is kept, or, on an exception, nothing."""
        with self.lock:
            work = Work(self, {"id": request_id, "idempotency_key": key}, base_url)
            yield work
            position = self._commit(work.record())
        self._sync(position)
        if work.deliveries:
            self.on_deliveries(work.deliveries)

    def delivered(self, event_id: str) -> None:
        """The receiver has said 2xx (or the event was dropped by a switch): it is owed no more."""
        with self.lock:
            self._commit({"delivered": event_id})

    def of_kind(self, kind: str) -> list[Object]:
        """All objects of a kind, newest first."""
        with self.lock:
            return [self.objects[identifier] for identifier in reversed(self.kinds.get(kind, []))]

    def close(self) -> None:
        with self.lock:
            if self._journal:
                self._journal.close()
                self._journal = None

    def _commit(self, record: Object) -> int:
        if not any(record.values()):
            return 0
        position = self._journal.append(record) if self._journal else 0
        self._apply(record)
        return position

    def _sync(self, position: int) -> None:
        journal = self._journal
        if journal and position:
            journal.sync(position)

    def _apply(self, record: Object) -> None:
        for changed in record.get("objects", ()):
            if changed["id"] not in self.objects:
                self.kinds.setdefault(changed["object"], []).append(changed["id"])
            self.objects[changed["id"]] = changed
            if changed["object"] == "payment_intent":
                keep = self.processing.add if changed["status"] == "processing" else self.processing.discard
                keep(changed["id"])
        self.private.update(record.get("private", {}))
        if answer := record.get("answer"):
            self.answers[answer["key"]] = answer
        for delivery in record.get("deliveries", ()):
            self.undelivered[delivery["event"]] = delivery
        if event_id := record.get("delivered"):
            self.undelivered.pop(event_id, None)
            if event := self.objects.get(event_id):
                self.objects[event_id] = event | {"pending_webhooks": 0}
