"""PaymentMethods: a card, a card inside a wallet, or a bank account to be debited."""

from __future__ import annotations

import hashlib
from typing import Any

from payportal.demo.stripe_standin import cards
from payportal.demo.stripe_standin.cards import TestNumber
from payportal.demo.stripe_standin.errors import ApiError, invalid
from payportal.demo.stripe_standin.store import Object, Work, new_id

NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def create(work: Work, params: Object) -> Object:
    """Make a PaymentMethod from a number, a token or an IBAN. Raises ApiError (402) for a wrong number."""
    kind = params.get("type")
    if kind == "card":
        number, wallet = _card(params.get("card", {}))
    elif kind == "sepa_debit":
        number, wallet = _account(params.get("sepa_debit", {})), None
    elif kind is None:
        raise invalid("Missing required param: type.", code="parameter_missing", param="type")
    else:
        raise invalid(f"The payment method type `{kind}` isn't activated in this sandbox.", param="type")
    card = params.get("card", {})
    return _add(work, number, wallet, _expiry(card), params)


def named(work: Work, name: str) -> Object:
    """An existing PaymentMethod, or a new one when a test name like `pm_card_visa` is given."""
    if name == "pm_sepa_debit":
        return _add(work, cards.ACCOUNTS[0], None, (0, 0), {})
    known = cards.by_token(name)
    if known:
        return _add(work, *known, (12, _next_years(work)), {})
    return work.find("payment_method", name, "payment_method")


def retrieve(work: Work, identifier: str) -> Object:
    return work.find("payment_method", identifier, "payment_method")


def _next_years(work: Work) -> int:
    return 1970 + work.now // (365 * 24 * 60 * 60) + 4


def _expiry(card: Object) -> tuple[int, int]:
    return int(card.get("exp_month", 12)), int(card.get("exp_year", 2034))


def _card(card: Object) -> tuple[TestNumber, str | None]:
    if "token" in card:
        known = cards.by_token(card["token"])
        if known is None:
            raise invalid(f"No such token: '{card['token'][:80]}'", code="resource_missing", param="card[token]")
        return known
    number = str(card.get("number", "")).replace(" ", "")
    if not number:
        raise invalid("Missing required param: card[number].", code="parameter_missing", param="card[number]")
    if number in cards.BY_NUMBER:
        return cards.BY_NUMBER[number], None
    if not number.isdigit() or not 12 <= len(number) <= 19 or not cards.passes_luhn(number):
        raise ApiError(402, "card_error", "Your card number is incorrect.", code="incorrect_number", param="number")
    raise ApiError(
        402,
        "card_error",
        "Your card was declined. Your request was in test mode, but used a non test card. "
        "For a list of valid test cards, visit: https://docs.stripe.com/testing.",
        code="card_declined",
        decline_code="test_mode_live_card",
    )


def _account(debit: Object) -> TestNumber:
    account = cards.BY_ACCOUNT.get(str(debit.get("iban", "")).replace(" ", "").upper())
    if account is None:
        raise invalid(
            "The IBAN you entered is not one of the sandbox's.",
            code="invalid_bank_account_iban",
            param="sepa_debit[iban]",
        )
    return account


def _add(work: Work, number: TestNumber, wallet: str | None, expiry: tuple[int, int], params: Object) -> Object:
    kind = "sepa_debit" if number.brand == "sepa_debit" else "card"
    billing = params.get("billing_details") or {}
    method: Object = {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": params.get("allow_redisplay", "unspecified"),
        "billing_details": {
            "address": {**NO_ADDRESS, **(billing.get("address") or {})},
            "email": billing.get("email"),
            "name": billing.get("name"),
            "phone": billing.get("phone"),
            "tax_id": None,
        },
        "created": work.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "type": kind,
    }
    method[kind] = _debit_details(number) if kind == "sepa_debit" else _card_details(number, wallet, expiry)
    return work.add(
        method, number=number.number, conduct=number.conduct, decline_code=number.decline_code, token=number.token
    )


def _fingerprint(number: TestNumber) -> str:
    return hashlib.sha256(number.number.encode()).hexdigest()[:16]


def _debit_details(number: TestNumber) -> Object:
    return {
        "bank_code": number.number[4:12],
        "branch_code": "",
        "country": number.number[:2],
        "fingerprint": _fingerprint(number),
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": number.number[-4:],
    }


def _card_details(number: TestNumber, wallet: str | None, expiry: tuple[int, int]) -> Object:
    inside: Any = {"type": wallet, "dynamic_last4": number.number[-4:], wallet: {}} if wallet else None
    return {
        "brand": number.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": number.brand,
        "exp_month": expiry[0],
        "exp_year": expiry[1],
        "fingerprint": _fingerprint(number),
        "funding": "debit" if number.token.endswith("debit") else "credit",
        "generated_from": None,
        "last4": number.number[-4:],
        "networks": {"available": [number.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": inside,
    }
