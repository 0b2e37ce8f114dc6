"""What we send to Stripe is held against the SDK's parameter types, for tests of our own gateway.

The stand-in refuses at run time what these types don't know; here the same check is
open to a test, which may collect the requests of a whole story (`StandIn.log`) first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from payportal.demo.stripe_standin import form, parameters, routes
from payportal.demo.stripe_standin.errors import ApiError


def assert_request_matches_sdk(method: str, path: str, params: Mapping[str, Any] | str) -> None:
    """Fail with a reason unless Stripe's address exists and takes these parameters.

    `params` is a dictionary as given to the SDK, or the form as it was sent.
    """
    found = routes.match(routes.ROUTES, method.upper(), path)
    if found is None:
        raise AssertionError(f"Stripe's {method} {path} isn't one the stand-in knows.")
    try:
        given = form.decode(params) if isinstance(params, str) else as_sent(params)
        parameters.check(found[0].params, given)
    except ApiError as error:
        raise AssertionError(f"{method} {path}: {error}") from error


def assert_log_matches_sdk(log: Iterable[Mapping[str, Any]]) -> int:
    """Check every request of the merchant's server in a stand-in's log; how many there were."""
    checked = 0
    for entry in log:
        if not entry["is_client"]:
            assert_request_matches_sdk(entry["method"], entry["path"], entry["params"])
            checked += 1
    return checked


def as_sent(value: Any) -> Any:
    """Values as the SDK's form encoding leaves them: all strings, lists numbered."""
    if isinstance(value, Mapping):
        return {str(key): as_sent(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return {str(number): as_sent(each) for number, each in enumerate(value)}
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
