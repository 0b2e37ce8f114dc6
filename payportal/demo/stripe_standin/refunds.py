"""Refunds: as a whole or in parts, never more than was paid."""

from __future__ import annotations

from payportal.demo.stripe_standin import charges, payment_intents
from payportal.demo.stripe_standin.errors import invalid
from payportal.demo.stripe_standin.store import Object, Work, new_id

UNDERSTOOD = {"amount", "charge", "expand", "metadata", "payment_intent", "reason"}


def create(work: Work, params: Object) -> Object:
    """Give money back from a paid charge. Raises ApiError (400) for more than is left of it."""
    payment_intents.understood(params, UNDERSTOOD)
    charge = _charge(work, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if charge["status"] == "succeeded" and left == 0:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded", charge=charge["id"]
        )
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} has not been paid; cannot issue a refund.", code="charge_not_refundable")
    amount = params.get("amount", left)
    if amount < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        code = charge["currency"].upper()
        raise invalid(
            f"Refund amount ({amount} {code}) is greater than unrefunded amount on charge ({left} {code})",
            param="amount",
        )
    return _add(work, charge, amount, params)


def _charge(work: Work, params: Object) -> Object:
    if "charge" in params:
        return work.find("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    intent = work.find("payment_intent", params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        raise invalid(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            code="payment_intent_unexpected_state",
            param="payment_intent",
            payment_intent=intent,
        )
    return work.find("charge", intent["latest_charge"], "charge")


def _add(work: Work, charge: Object, amount: int, params: Object) -> Object:
    identifier = new_id("re")
    transaction = charges.balance_transaction(work, -amount, charge["currency"], identifier, "refund")
    refund = work.add(
        {
            "id": identifier,
            "object": "refund",
            "amount": amount,
            "balance_transaction": transaction["id"],
            "charge": charge["id"],
            "created": work.now,
            "currency": charge["currency"],
            "customer": None,
            "customer_account": None,
            "destination_details": {"card": {"type": "refund"}, "type": "card"},
            "metadata": payment_intents.metadata({}, params.get("metadata") or {}),
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    work.emit("refund.created", refund)
    work.emit("charge.refunded", charge)
    return refund
