"""A POST with a key is executed once; the same key gets the same answer again for a day.

Source: https://docs.stripe.com/api/idempotent_requests. Kept are status and body, errors
too, once the endpoint has begun to execute. Other parameters under the same key are
refused (400), and so is a request while the first is still being executed (409).
"""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

from payportal.demo.stripe_standin.errors import ApiError
from payportal.demo.stripe_standin.store import Object, Store

LIFETIME = 24 * 60 * 60  # seconds
LONGEST_KEY = 255


def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
    """What must be the same when a key is used again."""
    return hashlib.sha256(json.dumps([method, path, params], sort_keys=True).encode()).hexdigest()


class Keys:
    """Which keys are being worked on; the finished ones are in the store with their answers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()

    def begin(self, key: str, mark: str) -> Object | None:
        """The kept answer, or None: then the caller executes the request and calls `end`.

        Raises ApiError when the key was used for something else (400), is in use (409)
        or is too long (400).
        """
        if len(key) > LONGEST_KEY:
            raise ApiError(
                400, "idempotency_error", "Idempotency keys must be at most 255 characters.", is_executed=False
            )
        with self._lock:
            if key in self._in_flight:
                raise ApiError(
                    409,
                    "idempotency_error",
                    "There is currently another in-progress request using this Idempotency Key (that probably means "
                    "you submitted twice, and the other request is still going through): "
                    f"{key}. If you keep getting this, please contact support.",
                    is_executed=False,
                    code="idempotency_key_in_use",
                )
            answer = self._kept(key)
            if answer is None:
                self._in_flight.add(key)
        if answer is not None and answer["mark"] != mark:
            raise ApiError(
                400,
                "idempotency_error",
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                is_executed=False,
            )
        return answer

    def end(self, key: str) -> None:
        """The request is over, whether or not an answer was kept."""
        with self._lock:
            self._in_flight.discard(key)

    def is_in_flight(self, key: str) -> bool:
        """Whether a request with this key is being executed just now."""
        with self._lock:
            return key in self._in_flight

    def _kept(self, key: str) -> Object | None:
        answer = self._store.answers.get(key)
        if answer is None or answer["at"] + LIFETIME <= self._store.clock():
            return None
        return answer
