"""Disputes: a cardholder asks the bank for the money back, and somebody wins.

Nothing at Stripe's API opens a dispute; the stand-in's control address does.
"""

from __future__ import annotations

from payportal.demo.stripe_standin import charges
from payportal.demo.stripe_standin.errors import invalid
from payportal.demo.stripe_standin.store import Object, Work, new_id

EVIDENCE = """
    access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal
    customer_communication customer_email_address customer_name customer_purchase_ip customer_signature
    duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt
    refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation
    shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number
    uncategorized_file uncategorized_text
"""
ANSWER_WITHIN = 7 * 24 * 60 * 60  # seconds


def open_for(work: Work, intent_id: str, amount: int | None = None) -> Object:
    """The bank takes the money of a paid charge back, until the dispute is decided."""
    intent = work.find("payment_intent", intent_id, "payment_intent")
    if not intent["latest_charge"] or intent["status"] != "succeeded":
        raise invalid("Only a paid PaymentIntent can be disputed.", payment_intent=intent)
    charge = work.find("charge", intent["latest_charge"], "charge")
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} is already disputed.")
    amount = amount or charge["amount_captured"]
    if not 1 <= amount <= charge["amount_captured"]:
        raise invalid("A dispute is about at most what was captured.", param="amount")
    dispute = work.add(_blank(work, charge, amount))
    charge["disputed"] = True
    work.emit("charge.dispute.created", dispute)
    _move(work, dispute, -amount, "charge.dispute.funds_withdrawn")
    return dispute


def close(work: Work, dispute_id: str, outcome: str) -> Object:
    """Decide it: `won` brings the money back, `lost` does not."""
    dispute = work.find("dispute", dispute_id, "dispute")
    if outcome not in ("won", "lost"):
        raise invalid("A dispute ends as won or lost.", param="outcome")
    if dispute["status"] in ("won", "lost"):
        raise invalid(f"This dispute is already {dispute['status']}.")
    dispute["status"] = outcome
    if outcome == "won":
        _move(work, dispute, dispute["amount"], "charge.dispute.funds_reinstated")
    work.emit("charge.dispute.closed", dispute)
    return dispute


def _move(work: Work, dispute: Object, amount: int, event: str) -> None:
    transaction = charges.balance_transaction(work, amount, dispute["currency"], dispute["id"], "adjustment")
    dispute["balance_transactions"].append(dict(transaction))
    work.emit(event, dispute)


def _blank(work: Work, charge: Object, amount: int) -> Object:
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": work.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(EVIDENCE.split()) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": work.now + ANSWER_WITHIN,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": "fraudulent",
        "status": "needs_response",
    }
