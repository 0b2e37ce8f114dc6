"""Errors have the shape Stripe gives them: a status, and a JSON body under `error`.

Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes.
"""

from __future__ import annotations

from typing import Any

ADVICE_BY_STATUS = {409: "true", 429: "true", 400: "false", 401: "false", 402: "false", 404: "false"}


class ApiError(Exception):
    """An answer that is not 200.

    `is_executed` says whether the endpoint had begun its work: only then does Stripe
    keep the answer under the idempotency key. An error raised while parameters are
    still being checked may be tried again under the same key. `keeps_changes` is for a
    declined card: the answer is an error, but the attempt and its charge stay.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        is_executed: bool = True,
        keeps_changes: bool = False,
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_executed = is_executed
        self.keeps_changes = keeps_changes
        self.fields: dict[str, Any] = {"type": kind, "message": message, **fields}

    def body(self) -> dict[str, Any]:
        """The JSON body; fields that do not apply are left out, as Stripe does."""
        return {"error": {key: value for key, value in self.fields.items() if value is not None}}

    @property
    def advice(self) -> str | None:
        """The `Stripe-Should-Retry` header, which the SDK obeys before its own judgement."""
        return ADVICE_BY_STATUS.get(self.status)


def invalid(message: str, **fields: Any) -> ApiError:
    """A request that the endpoint refused while executing."""
    return ApiError(400, "invalid_request_error", message, **fields)


def invalid_parameter(message: str, **fields: Any) -> ApiError:
    """A request that failed validation, so nothing is kept under its idempotency key."""
    return ApiError(400, "invalid_request_error", message, is_executed=False, **fields)


def missing(noun: str, identifier: str, parameter: str) -> ApiError:
    """No object of that name (404, `resource_missing`)."""
    return ApiError(
        404, "invalid_request_error", f"No such {noun}: '{identifier}'", code="resource_missing", param=parameter
    )


def unauthorized(message: str) -> ApiError:
    """No key, or a key that is not ours (401)."""
    return ApiError(401, "invalid_request_error", message, is_executed=False)
