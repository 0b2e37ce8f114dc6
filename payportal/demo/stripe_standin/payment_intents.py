"""PaymentIntents: made, changed and canceled here; charged in `confirmation`.

Source: https://docs.stripe.com/payments/paymentintents/lifecycle. `requires_payment_method`
means both "new" and "refused": only `last_payment_error` tells them apart.
"""

from __future__ import annotations

import hmac
from typing import Any

from payportal.demo.stripe_standin import currencies, payment_methods
from payportal.demo.stripe_standin.errors import ApiError, invalid, missing
from payportal.demo.stripe_standin.store import Object, Work, new_id

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
KEPT_AS_GIVEN = (
    "description",
    "excluded_payment_method_types",
    "payment_method_options",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
UNDERSTOOD = {
    *KEPT_AS_GIVEN,
    "amount",
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "confirmation_method",
    "currency",
    "expand",
    "mandate_data",
    "metadata",
    "payment_method",
    "payment_method_data",
    "return_url",
    "use_stripe_sdk",
}


def understood(params: Object, known: set[str]) -> None:
    """Refuse what Stripe would take but the stand-in would silently ignore."""
    for name in params:
        if name not in known:
            raise invalid(f"The sandbox's stand-in for Stripe doesn't support the parameter {name}.", param=name)


def create(work: Work, params: Object) -> Object:
    """Make a PaymentIntent, not yet confirmed (see `confirmation.create` for `confirm=true`)."""
    understood(params, UNDERSTOOD)
    currency = currencies.checked(params["amount"], params["currency"])
    if params.get("capture_method") == "manual" or params.get("confirmation_method") == "manual":
        raise invalid("The sandbox's stand-in for Stripe knows automatic capture and confirmation only.")
    automatic = params.get("automatic_payment_methods") or {"enabled": True}
    identifier = new_id("pi")
    intent = _blank(identifier, work.now) | {
        "amount": params["amount"],
        "automatic_payment_methods": (
            {"allow_redirects": automatic.get("allow_redirects", "always"), "enabled": True}
            if automatic["enabled"]
            else None
        ),
        "client_secret": f"{identifier}_secret_{new_id('x')[2:]}",
        "currency": currency,
        "metadata": metadata({}, params.get("metadata", {})),
        "payment_method_types": ["card", "sepa_debit"] if automatic["enabled"] else ["card"],
    }
    intent |= {key: params[key] for key in KEPT_AS_GIVEN if key in params}
    work.add(intent, nonce=None)
    attach(work, intent, params)
    work.emit("payment_intent.created", intent)
    return intent


def _blank(identifier: str, now: int) -> Object:
    return {
        "id": identifier,
        "object": "payment_intent",
        "amount": 0,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": None,
        "confirmation_method": "automatic",
        "created": now,
        "currency": "",
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": [],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def metadata(old: dict[str, str], new: dict[str, str] | str) -> dict[str, str]:
    """Merged key by key; an empty value takes the key away, an empty string all of them."""
    if new == "":
        return {}
    assert isinstance(new, dict)
    for key, value in new.items():
        if len(key) > 40 or len(value) > 500:
            raise invalid("Metadata keys have at most 40 characters, values at most 500.", param="metadata")
    merged = {key: value for key, value in {**old, **new}.items() if value != ""}
    if len(merged) > 50:
        raise invalid("Metadata may have at most 50 keys.", param="metadata")
    return merged


def attach(work: Work, intent: Object, params: Object) -> None:
    """Put the given payment method, if any, on the intent: it then waits for its confirmation."""
    if "payment_method_data" in params:
        method = payment_methods.create(work, params["payment_method_data"])
    elif params.get("payment_method"):
        method = payment_methods.named(work, params["payment_method"])
    else:
        return
    if intent["status"] not in OPEN:
        raise unchangeable(intent, "payment_method")
    if method["type"] not in intent["payment_method_types"]:
        raise invalid(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            param="payment_method",
            payment_intent=intent,
        )
    intent["payment_method"] = method["id"]
    reopen(work, intent)


def reopen(work: Work, intent: Object) -> None:
    """What was begun at the bank counts no more; the intent has to be confirmed again."""
    intent["next_action"] = None
    intent["status"] = "requires_confirmation" if intent["payment_method"] else "requires_payment_method"
    work.secrets_of(intent["id"])["nonce"] = None


def update(work: Work, identifier: str, params: Object) -> Object:
    """Change a PaymentIntent: money and method only while it is open, words at any time."""
    understood(params, UNDERSTOOD - {"automatic_payment_methods", "confirm", "confirmation_method", "return_url"})
    intent = work.find("payment_intent", identifier, "intent")
    for name in ("amount", "currency"):
        if name in params and intent["status"] not in OPEN:
            raise unchangeable(intent, name)
    changed = {name: params[name] if name in params else intent[name] for name in ("amount", "currency")}
    changed["currency"] = currencies.checked(**changed)
    if any(intent[key] != value for key, value in changed.items()) and intent["status"] == "requires_action":
        reopen(work, intent)
    intent |= changed
    intent |= {key: params[key] or None for key in KEPT_AS_GIVEN if key in params}
    if "metadata" in params:
        intent["metadata"] = metadata(intent["metadata"], params["metadata"])
    attach(work, intent, params)
    # "It will be cleared if the PaymentIntent is later updated for any reason": new and refused look alike again.
    intent["last_payment_error"] = None
    return intent


def cancel(work: Work, identifier: str, params: Object) -> Object:
    """End an open PaymentIntent for good: no card can be charged through it any more."""
    intent = work.find("payment_intent", identifier, "intent")
    if intent["status"] not in OPEN:
        raise unexpected_state(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action.",
        )
    reopen(work, intent)
    intent |= {
        "canceled_at": work.now,
        "cancellation_reason": params.get("cancellation_reason"),
        "status": "canceled",
    }
    work.emit("payment_intent.canceled", intent)
    return intent


def retrieve(work: Work, identifier: str) -> Object:
    return work.find("payment_intent", identifier, "intent")


def for_client(work: Work, identifier: str, client_secret: Any) -> Object:
    """The intent for somebody who has only its client secret."""
    intent = work.find("payment_intent", identifier, "intent")
    if not hmac.compare_digest(str(client_secret).encode(), intent["client_secret"].encode()):
        raise missing("payment_intent", identifier, "intent")
    return intent


def unexpected_state(intent: Object, message: str, **fields: Any) -> ApiError:
    """The step isn't possible from the intent's status; the error carries the intent."""
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=intent, **fields)


def unchangeable(intent: Object, name: str) -> ApiError:
    return unexpected_state(
        intent,
        f"This PaymentIntent's {name} could not be updated because it has a status of {intent['status']}. You may only "
        f"update the {name} of a PaymentIntent with one of the following statuses: {', '.join(OPEN)}.",
        param=name,
    )
