"""Switches make the stand-in misbehave: its answers and its webhooks.

They are set by a test, directly or over HTTP, and are not kept in the journal.
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from payportal.demo.stripe_standin.errors import invalid_parameter

# Before: nothing has happened. After: it has happened, and the caller can't know.
FAULTS = (
    "hang_before",  # no answer for `seconds`, then the connection closes; never executed
    "hang_after",  # executed, no answer for `seconds`, then the connection closes
    "late",  # waits `seconds`, then executes and answers: the idempotency key is in flight meanwhile
    "reset_before",
    "reset_after",
    "broken_body",  # executed; half of the answer, then the connection is reset
    "status_409",  # the object is locked by another request; not executed
    "status_429",  # too many requests; not executed
    "status_500",  # not executed, nothing kept under the idempotency key
    "status_500_after",  # executed, and 500 is what the key gives from now on
)


@dataclass
class Fault:
    """What happens to the next `times` requests that match method and path (with `*`)."""

    kind: str
    method: str = "POST"
    path: str = "*"
    times: int = 1
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise invalid_parameter(f"Unknown fault: {self.kind}. Known: {', '.join(FAULTS)}", param="kind")


@dataclass
class Switches:
    """All as it should be, unless somebody sets something."""

    webhook_delay: float = 0.0  # seconds before an event's first delivery
    webhook_copies: int = 1  # how often each event is delivered
    webhook_reorder: int = 0  # so many events are collected and then delivered backwards
    webhook_drop: int = 0  # so many events are never delivered; -1 is all
    webhook_hold: bool = False  # nothing is delivered until it is set back, or by `deliver`
    debit_seconds: float | None = None  # when the bank answers a debit by itself; None is never
    faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add_fault(self, kind: str, **how: Any) -> Fault:
        """Set a fault for the next matching request (see `Fault`)."""
        fault = Fault(kind, **how)
        with self._lock:
            self.faults.append(fault)
        return fault

    def take_fault(self, method: str, path: str) -> Fault | None:
        """The fault for this request, used up once."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method in ("*", method) and fnmatch.fnmatchcase(path, fault.path):
                    fault.times -= 1
                    self.faults = [each for each in self.faults if each.times > 0]
                    return fault
        return None

    def take_drop(self) -> bool:
        """Whether this event is one of those never delivered."""
        with self._lock:
            if self.webhook_drop > 0:
                self.webhook_drop -= 1
                return True
            return self.webhook_drop < 0

    def clear(self) -> None:
        """All as it should be again."""
        self.set({each.name: each.default for each in fields(self) if each.name.startswith(("webhook", "debit"))})
        with self._lock:
            self.faults = []

    def set(self, wanted: dict[str, Any]) -> None:
        """Set several at once, as they come from JSON; `faults` are added to those there are."""
        known = {each.name for each in fields(self)} - {"_lock"}
        for name, value in wanted.items():
            if name not in known:
                raise invalid_parameter(f"Unknown switch: {name}. Known: {', '.join(sorted(known))}", param=name)
            if name != "faults":
                setattr(self, name, _fitting(name, value))
        try:
            for fault in wanted.get("faults", []):
                self.add_fault(**fault)
        except TypeError as error:
            raise invalid_parameter(f"Not a fault: {error}", param="faults") from error

    def shown(self) -> dict[str, Any]:
        """The switches as JSON."""
        with self._lock:
            shown = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "_lock"}
            return shown | {"faults": [asdict(fault) for fault in self.faults]}


def _fitting(name: str, value: Any) -> Any:
    """The value, or 400 where it isn't of the switch's kind: the threads that read it couldn't say so."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name == "webhook_hold":
        fits = isinstance(value, bool)
    elif name in ("webhook_delay", "debit_seconds"):
        fits = (is_number and value >= 0) or (value is None and name == "debit_seconds")
    else:
        fits = is_number and isinstance(value, int) and value >= (-1 if name == "webhook_drop" else 0)
    if not fits:
        raise invalid_parameter(f"Not a value for {name}: {value!r}", param=name)
    return value
