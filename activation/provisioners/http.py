"""An operator's network behind a small JSON interface (after TMF640, Service Activation): see docs/activation.md.

``POST <base>/service-orders`` with an ``Idempotency-Key`` switches; ``GET <base>/service-orders/<key>`` tells.
"""

import http.client
import json
import ssl
import time
from typing import Any
from urllib.parse import quote, urlsplit

from activation.provisioners.base import (
    Provisioner,
    ProvisionerRefused,
    ProvisionerUnavailable,
    ProvisionerUnknown,
    ServiceOrder,
    ServiceState,
)

TIMEOUT_SECONDS = 5.0
LONGEST_ANSWER = 64 * 1024
# The network says that it did nothing, and may do it later. A wrong token (401, 403) is for the staff to mend; the
# order is as good as before.
DID_NOTHING = {401, 403, 408, 425, 429, 503}


class HttpProvisioner(Provisioner):
    """The network behind ``PROVISIONER=http``."""

    code = "http"

    def __init__(self, base_url: str, *, token: str = "", timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("PROVISIONER_URL must be an http or https address")
        self._is_https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/")
        self._token = token
        self._timeout = timeout

    def switch(self, order: ServiceOrder) -> ServiceState:
        """POST the order under its key."""
        status, body = self._ask("POST", "/service-orders", order)
        if status in (200, 201, 202):
            return _state(body)
        if status == 409 and _code(body) == "already_active":
            return ServiceState(is_done=True)
        raise _error(status, body)

    def look_up(self, idempotency_key: str) -> ServiceState | None:
        """GET what became of it."""
        status, body = self._ask("GET", "/service-orders/" + quote(idempotency_key, safe=""))
        if status == 200:
            return _state(body)
        if status == 404 and _code(body) == "unknown_order":
            return None
        # A 404 of something else in between (a proxy, a wrong path) says nothing about the order.
        raise ProvisionerUnavailable(f"network answered {status} when asked")

    def _ask(self, method: str, path: str, order: ServiceOrder | None = None) -> tuple[int, dict[str, Any]]:
        """One exchange within the time-out. What fails before the request is out surely did nothing."""
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None
        if order is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": order.idempotency_key}
            content = json.dumps(_as_json(order)).encode()
        connection = self._connection()
        try:
            try:
                connection.connect()
            except (OSError, http.client.HTTPException) as error:
                raise ProvisionerUnavailable(f"no connection: {type(error).__name__}") from None
            try:
                connection.request(method, self._path + path, body=content, headers=headers)
                answer = connection.getresponse()
                return answer.status, _json(_read(answer, time.monotonic() + self._timeout))
            except (OSError, http.client.HTTPException) as error:
                raise ProvisionerUnknown(f"no answer: {type(error).__name__}") from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._is_https:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)


def _as_json(order: ServiceOrder) -> dict[str, Any]:
    return {
        "action": order.action,
        "service": order.service_code,
        "serviceReference": order.service_reference,
        "device": order.device_reference or None,
        "durationDays": order.duration_days,
    }


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, as far as it comes in time: a socket's own time-out starts anew with every byte that drips in."""
    pieces: list[bytes] = []
    while piece := answer.read1(LONGEST_ANSWER):
        pieces.append(piece)
        if time.monotonic() > deadline or sum(map(len, pieces)) > LONGEST_ANSWER:
            raise TimeoutError
    return b"".join(pieces)


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _code(body: dict[str, Any]) -> str:
    code = body.get("code", "")
    return code[:60] if isinstance(code, str) and code.replace("_", "").isalnum() else ""


def _state(body: dict[str, Any]) -> ServiceState:
    reference = str(body.get("id", ""))[:80]
    match body.get("state"):
        case "completed":
            return ServiceState(is_done=True, network_reference=reference)
        case "acknowledged" | "inProgress":
            return ServiceState(is_done=False, network_reference=reference)
        case "failed" | "rejected":
            raise ProvisionerRefused(_code(body) or "failed")
    raise ProvisionerUnknown("network answered without a known state")


def _error(status: int, body: dict[str, Any]) -> Exception:
    words = f"network answered {status} {_code(body)}".strip()
    if status in DID_NOTHING:
        return ProvisionerUnavailable(words)
    if 400 <= status < 500 and status != 409:
        return ProvisionerRefused(words)
    # 409: another call with this key is under way; 5xx: who knows how far it came.
    return ProvisionerUnknown(words)
