"""Stripe's API without its HTTP: who may ask, what is asked, and under which idempotency key."""

from __future__ import annotations

import copy
import hmac
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from payportal.demo.stripe_standin import confirmation, idempotency, parameters, reading, routes
from payportal.demo.stripe_standin.errors import ApiError, invalid_parameter, unauthorized
from payportal.demo.stripe_standin.routes import Route
from payportal.demo.stripe_standin.store import API_VERSION, Object, Store, Work, new_id
from payportal.demo.stripe_standin.switches import Fault

SECRET_PARAMETERS = ("client_secret", "number", "cvc", "iban", "token")


@dataclass
class Request:
    """One request, read but not yet believed."""

    method: str
    path: str
    params: Object
    api_key: str | None = None
    idempotency_key: str | None = None
    version: str | None = None
    base_url: str = ""
    id: str = field(default_factory=lambda: new_id("req"))


@dataclass
class Answer:
    """What goes back; `for_browser` lets pages of other origins read it."""

    status: int
    body: Object
    headers: dict[str, str] = field(default_factory=dict)
    for_browser: bool = False


@dataclass(frozen=True)
class ApiKeys:
    """The account's keys. Live ones are refused wherever they turn up."""

    secret: str
    publishable: str

    def __post_init__(self) -> None:
        if not self.secret.startswith(("sk_test_", "rk_test_")) or not self.publishable.startswith("pk_test_"):
            raise ValueError("The stand-in takes test keys only: sk_test_… and pk_test_….")


class Api:
    """Answers requests as Stripe does, and remembers which ones came."""

    def __init__(self, store: Store, keys: ApiKeys, log: deque[Object]) -> None:
        self.store, self.keys, self.log = store, keys, log
        self.stopping = threading.Event()
        self.in_use = idempotency.Keys(store)

    def call(self, request: Request, fault: Fault | None = None) -> Answer:
        """Execute a request, or repeat the answer it got before. Never raises."""
        try:
            is_client = self._authenticate(request)
            answer = self._answer(request, is_client, fault)
        except ApiError as error:
            is_client = (request.api_key or "").startswith("pk_")
            answer = _refusal(error)
        if is_client:
            answer.body, answer.for_browser = reading.for_client(answer.body), True
        answer.headers |= {"Request-Id": request.id, "Stripe-Version": API_VERSION}
        self._note(request, answer, fault)
        return answer

    def note_unanswered(self, request: Request, fault: Fault) -> None:
        """Log a request that a switch kept from being executed."""
        self._note(request, Answer(0, {}), fault)

    def _authenticate(self, request: Request) -> bool:
        """Whether a browser asks (publishable key) and not the merchant's server (secret key)."""
        given = request.api_key
        if not given:
            raise unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using "
                "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
        if hmac.compare_digest(given.encode(), self.keys.secret.encode()):
            return False
        if not hmac.compare_digest(given.encode(), self.keys.publishable.encode()):
            raise unauthorized(f"Invalid API Key provided: {given[:8]}{'*' * 8}{given[-4:] if len(given) > 20 else ''}")
        return True

    def _answer(self, request: Request, is_client: bool, fault: Fault | None) -> Answer:
        if request.version not in (None, API_VERSION):
            raise invalid_parameter(f"The sandbox's stand-in for Stripe speaks {API_VERSION} only.")
        found = routes.match(routes.CLIENT_ROUTES if is_client else routes.ROUTES, request.method, request.path)
        if found is None and is_client and routes.match(routes.ROUTES, request.method, request.path):
            raise unauthorized(
                "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a "
                "list of your API keys at https://dashboard.stripe.com/account/apikeys."
            )
        if found is None:
            raise ApiError(
                404,
                "invalid_request_error",
                f"Unrecognized request URL ({request.method}: {request.path}).",
                is_executed=False,
            )
        key = request.idempotency_key if request.method == "POST" else None
        if not key:
            return self._execute(request, found, is_client, fault)
        mark = idempotency.fingerprint(request.method, request.path, request.params)
        kept = self.in_use.begin(key, mark)
        if kept is not None:
            return Answer(kept["status"], kept["body"], {"Idempotent-Replayed": "true", "Idempotency-Key": key})
        try:
            answer = self._execute(request, found, is_client, fault)
        finally:
            self.in_use.end(key)
        answer.headers["Idempotency-Key"] = key
        return answer

    def _execute(self, request: Request, found: tuple[Route, str], is_client: bool, fault: Fault | None) -> Answer:
        route, identifier = found
        given = _checked(route, request.params, is_client)
        if fault and fault.kind == "late":
            self.stopping.wait(fault.seconds)
        key = request.idempotency_key if request.method == "POST" else None
        with self.store.work(request.id, key, request.base_url) as work:
            answer = self._run(route, work, identifier, given)
            if fault and fault.kind == "status_500_after":
                answer = _refusal(ApiError(500, "api_error", "An unknown error occurred."))
            if key:
                mark = idempotency.fingerprint(request.method, request.path, request.params)
                work.answer = {
                    "key": key,
                    "mark": mark,
                    "status": answer.status,
                    "body": answer.body,
                    "at": self.store.clock(),
                }
        return answer

    def _run(self, route: Route, work: Work, identifier: str, given: Object) -> Answer:
        try:
            body = routes.run(route, self.store, work, identifier, given)
            # Checked before anything is kept: a wrong `expand` must not leave a charge behind.
            body = reading.expanded(self.store, work.objects, body, given.get("expand", []))
        except ApiError as error:
            if not error.is_executed:
                raise
            if not error.keeps_changes:
                work.forget()
            return _refusal(error)
        return Answer(200, copy.deepcopy(body))

    def _note(self, request: Request, answer: Answer, fault: Fault | None) -> None:
        self.log.append(
            {
                "id": request.id,
                "at": time.time(),
                "method": request.method,
                "path": request.path,
                "params": redacted(request.params),
                "idempotency_key": request.idempotency_key,
                "is_client": (request.api_key or "").startswith("pk_"),
                "status": answer.status,
                "replayed": "Idempotent-Replayed" in answer.headers,
                "fault": fault.kind if fault else None,
            }
        )


def _checked(route: Route, params: Object, is_client: bool) -> Object:
    """Parameters with their types; a browser's own few are put back after the check."""
    own = {name: params[name] for name in confirmation.CLIENT_ONLY if is_client and name in params}
    rest = {name: value for name, value in params.items() if name not in own}
    return parameters.check(route.params, rest) | own


def _refusal(error: ApiError) -> Answer:
    headers = {"Stripe-Should-Retry": error.advice} if error.advice else {}
    return Answer(error.status, copy.deepcopy(error.body()), headers)


def redacted(value: Any) -> Any:
    """Parameters as they may be logged."""
    if isinstance(value, dict):
        return {
            name: "[redacted]" if name in SECRET_PARAMETERS and not isinstance(each, dict) else redacted(each)
            for name, each in value.items()
        }
    return value
