"""The journal is a file of JSON lines, one for everything that one request changed.

A line is written whole before the request is answered, so what was answered is never
forgotten, and a line that was cut off belongs to a request that got no answer.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class JournalError(Exception):
    """The journal can't be used: in use by another process, or damaged before its end."""


class Journal:
    """An append-only file held by one process (an advisory lock, which dies with it)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise JournalError(f"{path} is in use by another process.") from error
        self._sync_lock = threading.Lock()
        self._written = self._synced = os.fstat(self._file).st_size

    def replay(self) -> Iterator[dict[str, Any]]:
        """Every line written so far; what is torn at the end is cut off for good."""
        whole = 0
        with open(self.path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise JournalError(f"{self.path}, line {number}: not JSON.") from error
                whole += len(line)
                yield record
        os.ftruncate(self._file, whole)
        self._written = self._synced = whole

    def append(self, record: dict[str, Any]) -> int:
        """Write one line and say how long the file is now. Callers hold the store's lock.

        A full disk raises OSError and leaves the file as it was, so that no torn line
        gets a whole one behind it.
        """
        line = memoryview(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        length = len(line)
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError:
            os.ftruncate(self._file, self._written)
            raise
        self._written += length
        return self._written

    def sync(self, position: int) -> None:
        """Wait until the disk has everything up to `position`; one call serves all who wait."""
        with self._sync_lock:
            if self._synced < position:
                written = self._written
                os.fdatasync(self._file)
                self._synced = written

    def close(self) -> None:
        os.close(self._file)
