"""An operator's network, played: it remembers what it did in a file, and fails as it is told to.

Each answer is one line of JSON in an append-only file that all processes share, written under a lock before the answer
is given. So it survives every restart, knows each idempotency key for good, and its lines of kind ``effect`` say how
often something was really switched. It is no part of the database: an outage of ours is none of the network's.

What it shall do wrong stands in ``<file>.switches.json``: see ``Fault`` and docs/activation.md.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from activation.provisioners.base import (
    Provisioner,
    ProvisionerRefused,
    ProvisionerUnavailable,
    ProvisionerUnknown,
    ServiceOrder,
    ServiceState,
)

# What can go wrong: before anything was done, or after it was.
UNAVAILABLE = "unavailable"  # answers "not now" and does nothing
BROKEN_BEFORE = "broken_before"  # no usable answer, nothing done
LOST_ANSWER = "lost_answer"  # done, but the answer never arrives
REFUSE = "refuse"  # answers "never" and does nothing
PENDING = "pending"  # takes the order and does it, but first says that it is at it
FAULTS = (UNAVAILABLE, BROKEN_BEFORE, LOST_ANSWER, REFUSE, PENDING)

WANTED = {"activate": "on", "restore": "on", "end": "off"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to do wrong: ``kind``, for which service code (empty: all), and how many calls long (0: for ever)."""

    name: str
    kind: str
    service_code: str = ""
    times: int = 0


class Simulator(Provisioner):
    """The network behind ``PROVISIONER=simulator``. Safe for several threads and processes on one file."""

    code = "simulator"

    def __init__(self, state: Path, *, latency_ms: int = 0) -> None:
        self.state = state
        self.latency_ms = latency_ms
        self._mutex = threading.Lock()
        self._read_up_to = 0
        self._inode = 0
        self._forget()

    def switch(self, order: ServiceOrder) -> ServiceState:
        """Do it once per key; a service that is already so is left as it is."""
        latency, faults = self._switches()
        time.sleep(latency / 2)
        with self._opened() as file:
            fault = self._due(faults, order, file)
            if fault is None or fault.kind in (LOST_ANSWER, PENDING):
                self._do(order, file)
        time.sleep(latency / 2)
        if fault is not None:
            return _misbehave(fault)
        return ServiceState(is_done=True, network_reference=f"sim-{order.service_reference}")

    def look_up(self, idempotency_key: str) -> ServiceState | None:
        """What the file says of that key."""
        with self._opened():
            order = self._orders.get(idempotency_key)
        return None if order is None else ServiceState(True, f"sim-{order['service_reference']}")

    def effects(self, service_reference: str = "") -> list[dict[str, Any]]:
        """What was really switched, oldest first: the measure of "never twice"."""
        with self._opened():
            return [line for line in self._effects if service_reference in ("", line["service_reference"])]

    def is_on(self, service_reference: str) -> bool:
        """Whether the service runs at this moment."""
        with self._opened():
            return self._now_is.get(service_reference) == "on"

    def faults_so_far(self) -> int:
        """How often something was done wrong."""
        with self._opened():
            return sum(self._faults_done.values())

    def set_switches(self, *, latency_ms: int | None = None, faults: Sequence[Fault] = ()) -> None:
        """From now on be that slow and do that wrong, in every process; no fault at all mends everything."""
        for fault in faults:
            if fault.kind not in FAULTS:
                raise ValueError(f"{fault.kind!r} is none of {', '.join(FAULTS)}")
        content: dict[str, Any] = {"faults": [asdict(fault) for fault in faults]}
        if latency_ms is not None:
            content["latency_ms"] = latency_ms
        self.state.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._switches_file.with_suffix(f".{os.getpid()}.new")
        temporary.write_text(json.dumps(content))
        temporary.replace(self._switches_file)

    @property
    def _switches_file(self) -> Path:
        return self.state.with_name(self.state.name + ".switches.json")

    def _switches(self) -> tuple[float, list[Fault]]:
        """Latency in seconds, and faults, as the file says at this moment; a garbled file counts as none."""
        try:
            content = json.loads(self._switches_file.read_bytes())
            faults = [Fault(**fault) for fault in content.get("faults", [])]
            return float(content.get("latency_ms", self.latency_ms)) / 1000, faults
        except (OSError, ValueError, TypeError):
            return self.latency_ms / 1000, []

    def _due(self, faults: list[Fault], order: ServiceOrder, file: BinaryIO) -> Fault | None:
        """The first fault whose turn it is; that it happened is written down, so that ``times`` counts everywhere."""
        for fault in faults:
            is_meant = fault.service_code in ("", order.service_code)
            is_left = not fault.times or self._faults_done.get(fault.name, 0) < fault.times
            if is_meant and is_left:
                self._append(file, {"kind": "fault", "name": fault.name, "fault": fault.kind})
                return fault
        return None

    def _do(self, order: ServiceOrder, file: BinaryIO) -> None:
        """Take the order, unless its key is known; switch, unless it is so already."""
        if order.idempotency_key in self._orders:
            return
        wanted = WANTED[order.action]
        line = {"key": order.idempotency_key, "at": time.time(), **order.as_request()}
        if self._now_is.get(order.service_reference) == wanted:
            self._append(file, {"kind": "order", **line})
        else:
            self._append(file, {"kind": "effect", "switched": wanted, **line})

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """The file, locked against all others, with everything that others wrote taken in."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        with self._mutex, self.state.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._take_in(file)
            yield file

    def _take_in(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        if status.st_ino != self._inode or status.st_size < self._read_up_to:
            self._forget()
            self._inode = status.st_ino
        if status.st_size == self._read_up_to:
            return
        file.seek(self._read_up_to)
        fresh = file.read()
        if not fresh.endswith(b"\n"):
            # Somebody was killed in the middle of a line, before answering: it never happened.
            whole = fresh.rfind(b"\n") + 1
            file.truncate(self._read_up_to + whole)
            fresh = fresh[:whole]
        for line in fresh.splitlines():
            self._remember(json.loads(line))
        self._read_up_to += len(fresh)

    def _append(self, file: BinaryIO, line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        file.write(text)
        file.flush()
        self._read_up_to += len(text)
        self._remember(line)

    def _forget(self) -> None:
        self._read_up_to = 0
        self._orders: dict[str, dict[str, Any]] = {}
        self._now_is: dict[str, str] = {}
        self._effects: list[dict[str, Any]] = []
        self._faults_done: dict[str, int] = {}

    def _remember(self, line: dict[str, Any]) -> None:
        if line["kind"] == "fault":
            self._faults_done[line["name"]] = self._faults_done.get(line["name"], 0) + 1
            return
        self._orders[line["key"]] = line
        if line["kind"] == "effect":
            self._effects.append(line)
            self._now_is[line["service_reference"]] = line["switched"]


def _misbehave(fault: Fault) -> ServiceState:
    if fault.kind == UNAVAILABLE:
        raise ProvisionerUnavailable("the simulated network is busy")
    if fault.kind == REFUSE:
        raise ProvisionerRefused("the simulated network does not want to")
    if fault.kind == PENDING:
        return ServiceState(is_done=False)
    raise ProvisionerUnknown("the simulated network's answer was lost")
