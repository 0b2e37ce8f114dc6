"""Confirming a PaymentIntent: charged, refused, sent to the bank, or on its way for days."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from payportal.demo.stripe_standin import cards, charges, payment_intents
from payportal.demo.stripe_standin.errors import ApiError, invalid, invalid_parameter, missing
from payportal.demo.stripe_standin.payment_intents import unexpected_state
from payportal.demo.stripe_standin.store import Object, Work, new_id

UNDERSTOOD = {
    "expand",
    "mandate_data",
    "payment_method",
    "payment_method_data",
    "receipt_email",
    "return_url",
    "use_stripe_sdk",
}
CLIENT_ONLY = {"client_secret", "expected_amount", "expected_currency"}


def create(work: Work, params: Object) -> Object:
    """Make a PaymentIntent, and confirm it at once if asked to."""
    if "return_url" in params and not params.get("confirm"):
        raise invalid("The parameter `return_url` can only be passed when `confirm=true`.", param="return_url")
    intent = payment_intents.create(work, params)
    if params.get("confirm"):
        _begin(work, intent, params)
    return intent


def confirm(work: Work, identifier: str, params: Object) -> Object:
    """Try to collect the money. Raises ApiError (402) when the card is declined; that attempt is kept."""
    payment_intents.understood(params, UNDERSTOOD)
    intent = work.find("payment_intent", identifier, "intent")
    _refuse_unless_open(intent, params)
    if "receipt_email" in params:
        intent["receipt_email"] = params["receipt_email"] or None
    payment_intents.attach(work, intent, params)
    _begin(work, intent, params)
    return intent


def confirm_by_client(work: Work, identifier: str, params: Object) -> Object:
    """Confirm with the client secret, and only what the customer was shown.

    The browser sends the amount that its Elements were made with: compared here, since
    between a look and a confirmation the amount could change.
    """
    intent = payment_intents.for_client(work, identifier, params.get("client_secret"))
    shown = {"amount": params.get("expected_amount"), "currency": params.get("expected_currency")}
    for name, value in shown.items():
        if value is not None and value != str(intent[name]):
            raise invalid_parameter(
                f"The {name} that Elements was made with ({value}) is not the PaymentIntent's ({intent[name]}).",
                param=name,
            )
    return confirm(work, identifier, {key: value for key, value in params.items() if key not in CLIENT_ONLY})


def _refuse_unless_open(intent: Object, params: Object) -> None:
    status = intent["status"]
    if status == "succeeded":
        raise unexpected_state(
            intent,
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
        )
    if status not in payment_intents.OPEN:
        raise unexpected_state(
            intent,
            f"You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one "
            "of the following statuses may be confirmed: requires_confirmation, requires_action.",
        )
    if not intent["payment_method"] and not params.get("payment_method") and "payment_method_data" not in params:
        raise unexpected_state(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
        )


def _begin(work: Work, intent: Object, params: Object) -> None:
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] == "always" and not params.get("return_url"):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
            "Payment Intents.",
            payment_intent=intent,
        )
    if params.get("return_url") and urlsplit(params["return_url"]).scheme not in ("http", "https"):
        raise invalid("Not a valid URL", code="url_invalid", param="return_url")
    _refuse_unless_open(intent, params)
    method = work.find("payment_method", intent["payment_method"], "payment_method")
    hidden = work.secrets_of(method["id"])
    intent |= {"last_payment_error": None, "next_action": None}
    if hidden["conduct"] == cards.DECLINED:
        _decline(work, intent, method, hidden["decline_code"])
    elif hidden["conduct"] == cards.ASKS_BANK:
        _ask_bank(work, intent, params)
    elif hidden["conduct"] in (cards.DEBIT_GOOD, cards.DEBIT_FAILS):
        _start_debit(work, intent, method)
    else:
        _succeed(work, intent, charges.succeed(work, intent, method))


def _succeed(work: Work, intent: Object, charge: Object) -> None:
    intent |= {
        "amount_received": charge["amount"],
        "latest_charge": charge["id"],
        "next_action": None,
        "processing": None,
        "status": "succeeded",
    }
    work.emit("payment_intent.succeeded", intent)


def _decline(work: Work, intent: Object, method: Object, decline_code: str) -> None:
    charge = charges.decline(work, intent, method, decline_code)
    error = {
        "charge": charge["id"],
        "code": charge["failure_code"],
        "decline_code": decline_code,
        "doc_url": f"https://docs.stripe.com/error-codes#{charge['failure_code'].replace('_', '-')}",
        "message": charge["failure_message"],
        "payment_method": method,
        "type": "card_error",
    }
    _refused(work, intent, error)
    fields = {key: value for key, value in error.items() if key not in ("message", "type")}
    raise ApiError(402, "card_error", error["message"], keeps_changes=True, payment_intent=intent, **fields)


def _refused(work: Work, intent: Object, error: Object) -> None:
    intent |= {
        "last_payment_error": error,
        "next_action": None,
        "payment_method": None,
        "processing": None,
        "status": "requires_payment_method",
    }
    work.secrets_of(intent["id"])["nonce"] = None
    work.emit("payment_intent.payment_failed", intent)


def _start_debit(work: Work, intent: Object, method: Object) -> None:
    charges.pend(work, intent, method)
    intent["status"] = "processing"  # `processing` stays null: Stripe fills it for cards only
    work.secrets_of(intent["id"])["processing_since"] = work.now
    work.emit("payment_intent.processing", intent)


def advance(work: Work, identifier: str, outcome: str | None = None) -> Object:
    """The bank answers a debit that was processing: `succeed`, `fail`, or as the account number says."""
    intent = work.find("payment_intent", identifier, "intent")
    if intent["status"] != "processing":
        raise unexpected_state(intent, f"This PaymentIntent has a status of {intent['status']}, not processing.")
    charge = work.find("charge", intent["latest_charge"])
    method = work.find("payment_method", intent["payment_method"])
    if outcome is None:
        outcome = "fail" if work.secrets_of(method["id"])["conduct"] == cards.DEBIT_FAILS else "succeed"
    if outcome == "succeed":
        charges.settle(work, charge)
        _succeed(work, intent, charge)
    else:
        charges.fail(work, charge, "debit_not_authorized")
        message = "The customer's bank refused the debit."
        error = {"charge": charge["id"], "code": "debit_not_authorized", "message": message, "payment_method": method}
        _refused(work, intent, error | {"type": "invalid_request_error"})
    return intent


def _ask_bank(work: Work, intent: Object, params: Object) -> None:
    hidden = work.secrets_of(intent["id"])
    nonce = new_id("att")
    hidden |= {"asked": [*hidden.get("asked", []), nonce], "nonce": nonce, "return_url": params.get("return_url")}
    url = f"{work.base_url}/sandbox/bank/{intent['id']}/{nonce}"
    if params.get("use_stripe_sdk") or not params.get("return_url"):
        action: Object = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url, "source": nonce},
        }
    else:
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": params["return_url"], "url": url}}
    intent |= {"next_action": action, "status": "requires_action"}
    work.emit("payment_intent.requires_action", intent)


def asked(work: Work, identifier: str, nonce: str) -> Object:
    """The intent whose bank page this is, or 404: the address holds a secret."""
    intent = work.find("payment_intent", identifier, "intent")
    if nonce not in work.secrets_of(identifier).get("asked", []):
        raise missing("payment_intent", identifier, "intent")
    return intent


def decide(work: Work, identifier: str, nonce: str, *, is_approved: bool) -> tuple[Object, str | None]:
    """The customer answers on the bank's page: the intent, and the address to go back to.

    An answer for an attempt that is over (paid otherwise, canceled, asked anew) changes nothing.
    """
    intent = asked(work, identifier, nonce)
    hidden = work.secrets_of(identifier)
    if intent["status"] == "requires_action" and hidden.get("nonce") == nonce:
        method = work.find("payment_method", intent["payment_method"])
        if is_approved:
            hidden["nonce"] = None
            _succeed(work, intent, charges.succeed(work, intent, method))
        else:
            _refused(work, intent, _unauthenticated(method))
    return intent, _way_back(intent, hidden.get("return_url"))


def _unauthenticated(method: Object) -> Object:
    return {
        "code": "payment_intent_authentication_failure",
        "doc_url": "https://docs.stripe.com/error-codes#payment-intent-authentication-failure",
        "message": "We are unable to authenticate your payment method. "
        "Please choose a different payment method and try again.",
        "payment_method": method,
        "type": "invalid_request_error",
    }


def _way_back(intent: Object, return_url: Any) -> str | None:
    if not return_url:
        return None
    parts = urlsplit(str(return_url))
    added = urlencode(
        {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
        }
    )
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
