"""Debits end by themselves after a while, if the switch says so: real ones take days."""

from __future__ import annotations

import threading

from payportal.demo.stripe_standin import confirmation
from payportal.demo.stripe_standin.errors import ApiError
from payportal.demo.stripe_standin.store import Store
from payportal.demo.stripe_standin.switches import Switches

LOOK_EVERY = 0.25  # seconds


class Debits:
    """A thread that lets the bank answer what has been processing for long enough."""

    def __init__(self, store: Store, switches: Switches, stopping: threading.Event) -> None:
        self._store, self._switches, self._stopping = store, switches, stopping
        self._thread = threading.Thread(target=self._run, name="debits", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            if self._switches.debit_seconds is not None:
                self.advance_due(self._switches.debit_seconds)

    def advance_due(self, seconds: float) -> None:
        """Advance every intent that has been processing for so many seconds."""
        for identifier in list(self._store.processing):
            hidden = self._store.private.get(identifier, {})
            if self._store.clock() - hidden.get("processing_since", 0) >= seconds:
                try:
                    with self._store.work() as work:
                        confirmation.advance(work, identifier)
                except ApiError:
                    continue  # advanced by somebody else meanwhile
