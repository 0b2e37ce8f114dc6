"""HTTP: reads requests, hands them to the API, and sends, delays or breaks the answers."""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import hmac
import json
import os
import re
import socket
import struct
import traceback
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from payportal.demo.stripe_standin import bank, browser, control, form
from payportal.demo.stripe_standin.api import Answer, Request
from payportal.demo.stripe_standin.errors import ApiError, unauthorized
from payportal.demo.stripe_standin.store import API_VERSION
from payportal.demo.stripe_standin.switches import Fault

if TYPE_CHECKING:
    from payportal.demo.stripe_standin.server import StandIn

LARGEST_BODY = 1_000_000  # bytes
HOST = re.compile(r"^[A-Za-z0-9.\-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$")
REFUSALS = {
    "status_409": (
        409,
        "invalid_request_error",
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it.",
        "lock_timeout",
    ),
    "status_429": (429, "invalid_request_error", "Request rate limit exceeded.", "rate_limit"),
    "status_500": (500, "api_error", "An unknown error occurred.", None),
}
OPEN_TO_PAGES = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Request-Id"}


class Handler(BaseHTTPRequestHandler):
    """One connection, which may carry many requests."""

    protocol_version = "HTTP/1.1"
    server_version = "StripeStandIn"
    sys_version = ""

    def version_string(self) -> str:
        return self.server_version

    timeout = 120.0
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True
    standin: ClassVar[StandIn]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_OPTIONS(self) -> None:
        allowed = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Content-Type"}
        self._send(204, b"", OPEN_TO_PAGES | allowed)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: addresses hold secrets, and `/_standin/log` tells what came."""

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        try:
            body = self._body()
            if path.startswith("/v1/"):
                self._serve_api(path, body)
            elif path.startswith("/_standin/"):
                self._serve_control(path, body)
            elif path.startswith(bank.PREFIX):
                self._serve_bank(path, body)
            else:
                self._serve_file(path)
        except ApiError as error:
            self._send_json(error.status, error.body())
        except Exception:
            traceback.print_exc()
            self._send_json(500, ApiError(500, "api_error", "The stand-in itself has failed.").body())

    def _body(self) -> str:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(413, "invalid_request_error", "The request's body is too large.", is_executed=False)
        try:
            return self.rfile.read(int(length)).decode()
        except UnicodeDecodeError as error:
            raise ApiError(400, "invalid_request_error", "The request is not UTF-8.", is_executed=False) from error

    def _serve_api(self, path: str, body: str) -> None:
        params = form.decode("&".join(part for part in (urlsplit(self.path).query, body) if part))
        in_form = params.pop("key", None)
        request = Request(
            self.command,
            path,
            params,
            self._api_key() or (in_form if isinstance(in_form, str) else None),
            self.headers.get("Idempotency-Key"),
            self.headers.get("Stripe-Version"),
            self._base_url(),
        )
        fault = self.standin.switches.take_fault(request.method, path)
        if fault and self._fails_before(request, fault):
            return
        answer = self.standin.api.call(request, fault)
        if fault and self._fails_after(answer, fault):
            return
        headers = answer.headers | (OPEN_TO_PAGES if answer.for_browser else {})
        self._send_json(answer.status, answer.body, headers)

    def _fails_before(self, request: Request, fault: Fault) -> bool:
        """Whether the request ends here, without having been executed."""
        if fault.kind in REFUSALS:
            status, kind, message, code = REFUSALS[fault.kind]
            error = ApiError(status, kind, message, is_executed=False, code=code)
            advice = {"Stripe-Should-Retry": error.advice} if error.advice else {}
            self._send_json(status, error.body(), advice | {"Request-Id": request.id})
        elif fault.kind == "hang_before":
            self.standin.api.stopping.wait(fault.seconds)
            self.close_connection = True
        elif fault.kind == "reset_before":
            self._reset()
        else:
            return False
        self.standin.api.note_unanswered(request, fault)
        return True

    def _fails_after(self, answer: Answer, fault: Fault) -> bool:
        """Whether the answer is not sent, or not whole, though the request has been executed."""
        if fault.kind == "hang_after":
            self.standin.api.stopping.wait(fault.seconds)
            self.close_connection = True
        elif fault.kind == "reset_after":
            self._reset()
        elif fault.kind == "broken_body":
            body = json.dumps(answer.body).encode()
            self._send(answer.status, body[: len(body) // 2], {"Content-Type": "application/json"}, length=len(body))
            self._reset()
        else:
            return False
        return True

    def _reset(self) -> None:
        """Break the connection off with a TCP reset instead of an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            os.close(self.connection.detach())

    def _api_key(self) -> str | None:
        scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return rest.strip() or None
        if scheme.lower() == "basic":
            try:
                return base64.b64decode(rest, validate=True).decode().partition(":")[0] or None
            except (binascii.Error, UnicodeDecodeError):
                return None
        return None

    def _base_url(self) -> str:
        """How the asker reaches us: a phone and our own server may use different names."""
        host = self.headers.get("Host", "")
        return f"http://{host}" if HOST.match(host) else self.standin.base_url

    def _serve_control(self, path: str, body: str) -> None:
        if not hmac.compare_digest((self._api_key() or "").encode(), self.standin.api.keys.secret.encode()):
            raise unauthorized("The stand-in's control address needs the secret key.")
        try:
            given = json.loads(body or "{}")
        except ValueError as error:
            raise ApiError(400, "invalid_request_error", "The body is not JSON.", is_executed=False) from error
        if not isinstance(given, dict):
            raise ApiError(400, "invalid_request_error", "The body is not a JSON object.", is_executed=False)
        self._send_json(200, control.answer(self.standin, self.command, path, given))

    def _serve_bank(self, path: str, body: str) -> None:
        intent_id, _, nonce = path.removeprefix(bank.PREFIX).partition("/")
        store = self.standin.store
        if self.command == "POST":
            answer = parse_qs(body).get("answer", [""])[0]
            intent, way_back = bank.decide(store, intent_id, nonce, answer)
            if way_back:
                self._send(303, b"", {"Location": way_back, "Cache-Control": "no-store"})
                return
            page = bank.over(intent)
        else:
            page = bank.ask(store, intent_id, nonce)
        policy = bank.policy(store.private.get(intent_id, {}).get("return_url"))
        self._send_text(page, "text/html", {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})

    def _serve_file(self, path: str) -> None:
        if path == "/health":
            count = len(self.standin.store.objects)
            self._send_text(f"Stand-in for Stripe, {API_VERSION}, {count} objects\n", "text/plain", {})
        elif path == "/endive/stripe.js":
            self._send_text(browser.script(), "text/javascript", OPEN_TO_PAGES)
        elif path == "/sandbox/bank.css":
            self._send_text(browser.text("bank.css"), "text/css", {})
        else:
            raise ApiError(404, "invalid_request_error", f"Unrecognized request URL ({self.command}: {path}).")

    def _send_text(self, text: str, kind: str, headers: dict[str, str]) -> None:
        common = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-store", "Vary": "Accept-Encoding"}
        body = text.encode()
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body, headers = gzip.compress(body, 6), headers | {"Content-Encoding": "gzip"}
        self._send(200, body, common | {"X-Content-Type-Options": "nosniff"} | headers)

    def _send_json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        sent = json.dumps(body, indent=2).encode()
        common = {"Content-Type": "application/json", "Cache-Control": "no-cache, no-store"}
        self._send(status, sent, common | (headers or {}))

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        with contextlib.suppress(OSError):  # the caller may have given up waiting
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
