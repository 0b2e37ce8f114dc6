"""Charges and what they leave on the balance: one charge for every attempt that reached the bank."""

from __future__ import annotations

from payportal.demo.stripe_standin import cards
from payportal.demo.stripe_standin.store import Object, Work, new_id

FEE_PER_THOUSAND = 14
FEE_FIXED = 25  # minor units, whatever the currency: a made-up price list


def succeed(work: Work, intent: Object, method: Object) -> Object:
    """Take the money: a paid charge, its balance transaction and its event."""
    charge = _add(work, intent, method)
    settle(work, charge)
    return charge


def settle(work: Work, charge: Object) -> None:
    """A charge becomes paid (a debit may have been pending for days)."""
    transaction = balance_transaction(work, charge["amount"], charge["currency"], charge["id"], "charge")
    charge |= {
        "amount_captured": charge["amount"],
        "balance_transaction": transaction["id"],
        "captured": True,
        "outcome": _outcome("authorized", None, "approved_by_network", "Payment complete."),
        "paid": True,
        "status": "succeeded",
    }
    work.emit("charge.succeeded", charge)


def pend(work: Work, intent: Object, method: Object) -> Object:
    """A debit that the bank will answer later."""
    charge = _add(work, intent, method)
    charge |= {"status": "pending", "outcome": None}
    work.emit("charge.pending", charge)
    return charge


def decline(work: Work, intent: Object, method: Object, decline_code: str) -> Object:
    """The bank said no; the charge is kept as failed."""
    charge = _add(work, intent, method)
    fail(work, charge, decline_code)
    return charge


def fail(work: Work, charge: Object, decline_code: str) -> None:
    """A charge becomes failed, and nothing was taken."""
    code = decline_code if decline_code in cards.OWN_CODES else "card_declined"
    message = cards.DECLINE_MESSAGES.get(decline_code, "The customer's bank refused the payment.")
    if decline_code not in cards.DECLINE_MESSAGES:
        code = decline_code
    charge |= {
        "failure_code": code,
        "failure_message": message,
        "outcome": _outcome("issuer_declined", decline_code, "declined_by_network", "The bank declined the payment."),
        "paid": False,
        "status": "failed",
    }
    work.emit("charge.failed", charge)


def balance_transaction(work: Work, amount: int, currency: str, source: str, kind: str) -> Object:
    """What the account's balance gains or (negative) loses; charges cost a fee."""
    fee = min(amount, amount * FEE_PER_THOUSAND // 1000 + FEE_FIXED) if kind == "charge" else 0
    details = [{"amount": fee, "application": None, "currency": currency, "description": "Sandbox processing fee"}]
    return work.add(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": work.now + 2 * 24 * 60 * 60,
            "balance_type": "payments",
            "created": work.now,
            "currency": currency,
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [detail | {"type": "stripe_fee"} for detail in details] if fee else [],
            "net": amount - fee,
            "reporting_category": {"adjustment": "dispute"}.get(kind, kind),
            "source": source,
            "status": "pending",
            "type": kind,
        }
    )


def _outcome(network: str, reason: str | None, status: str, message: str) -> Object:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": status,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": message,
        "type": network,
    }


def _add(work: Work, intent: Object, method: Object) -> Object:
    identifier = new_id("py" if method["type"] == "sepa_debit" else "ch")
    charge: Object = {
        "id": identifier,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": False,
        "created": work.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(intent, method),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    intent["latest_charge"] = identifier
    return work.add(charge)


def _details(intent: Object, method: Object) -> Object:
    if method["type"] == "sepa_debit":
        debit = {key: value for key, value in method["sepa_debit"].items() if key != "generated_from"}
        return {"type": "sepa_debit", "sepa_debit": debit | {"mandate": None}}
    card = method["card"]
    shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {
        "type": "card",
        "card": {key: card[key] for key in shown}
        | {
            "amount_authorized": intent["amount"],
            "authorization_code": None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": card["wallet"] is not None},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "transaction_link_id": None,
        },
    }
