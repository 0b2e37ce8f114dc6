"""The stand-in's own addresses under `/_standin`: switches, the log, and what Stripe's dashboard and banks do.

All need the secret key; JSON in, JSON out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from payportal.demo.stripe_standin.errors import ApiError, invalid_parameter

if TYPE_CHECKING:
    from payportal.demo.stripe_standin.server import StandIn


def answer(standin: StandIn, method: str, path: str, given: dict[str, Any]) -> Any:
    """Do what a test or a person at the dashboard asks for. Raises ApiError for what isn't there."""
    steps = path.removeprefix("/_standin/").split("/")
    match (method, *steps):
        case ("GET", "switches"):
            return standin.switches.shown()
        case ("POST", "switches"):
            standin.switches.set(given)
            return standin.switches.shown()
        case ("DELETE", "switches"):
            standin.switches.clear()
            return standin.switches.shown()
        case ("GET", "log"):
            return {"requests": list(standin.log)}
        case ("DELETE", "log"):
            standin.log.clear()
            return {"requests": []}
        case ("POST", "advance", intent):
            return standin.advance(intent, given.get("outcome"))
        case ("POST", "dispute", intent):
            return standin.dispute(intent, _amount(given))
        case ("POST", "disputes", dispute, "close"):
            return standin.close_dispute(dispute, str(given.get("outcome")))
        case ("POST", "refund", intent):
            return standin.refund(intent, _amount(given))
        case ("POST", "deliver"):
            return {"statuses": standin.deliver(given.get("events", []))}
        case ("GET", "undelivered"):
            return {"events": list(standin.store.undelivered)}
    raise ApiError(404, "invalid_request_error", f"The stand-in has no {method} {path}.", is_executed=False)


def _amount(given: dict[str, Any]) -> int | None:
    amount = given.get("amount")
    if amount is not None and not isinstance(amount, int):
        raise invalid_parameter("The amount is an integer, in minor units.", param="amount")
    return amount
