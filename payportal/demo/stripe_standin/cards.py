"""Stripe's test cards, tokens and bank accounts, and what each of them does.

Source: https://docs.stripe.com/testing. Wallets have no test numbers at Stripe; here a
card's token with the ending `_apple_pay` or `_google_pay` is that card inside the wallet.
"""

from __future__ import annotations

from dataclasses import dataclass

GOOD, DECLINED, ASKS_BANK = "good", "declined", "asks_bank"
DEBIT_GOOD, DEBIT_FAILS = "debit_good", "debit_fails"


@dataclass(frozen=True)
class TestNumber:
    """A number, the name of its token at Stripe, and what happens when it is charged."""

    __test__ = False  # pytest would take the name for a class of tests

    number: str
    token: str
    conduct: str = GOOD
    decline_code: str = ""
    brand: str = "visa"


CARDS = (
    TestNumber("4242424242424242", "visa"),
    TestNumber("4000056655665556", "visa_debit"),
    TestNumber("5555555555554444", "mastercard", brand="mastercard"),
    TestNumber("4000000000000002", "chargeDeclined", DECLINED, "generic_decline"),
    TestNumber("4000000000000002", "visa_chargeDeclined", DECLINED, "generic_decline"),
    TestNumber("4000000000009995", "chargeDeclinedInsufficientFunds", DECLINED, "insufficient_funds"),
    TestNumber("4000000000009995", "visa_chargeDeclinedInsufficientFunds", DECLINED, "insufficient_funds"),
    TestNumber("4000000000009987", "chargeDeclinedLostCard", DECLINED, "lost_card"),
    TestNumber("4000000000000069", "chargeDeclinedExpiredCard", DECLINED, "expired_card"),
    TestNumber("4000000000000127", "chargeDeclinedIncorrectCvc", DECLINED, "incorrect_cvc"),
    TestNumber("4000000000000119", "chargeDeclinedProcessingError", DECLINED, "processing_error"),
    TestNumber("4000002500003155", "authenticationRequired", ASKS_BANK),
    TestNumber("4000002500003155", "threeDSecureOptional", ASKS_BANK),
    TestNumber("4000000000003220", "threeDSecure2Required", ASKS_BANK),
    TestNumber("4000000000003220", "threeDSecureRequired", ASKS_BANK),
)
ACCOUNTS = (
    TestNumber("DE89370400440532013000", "sepa_debit", DEBIT_GOOD, brand="sepa_debit"),
    TestNumber("AT611904300234573201", "sepa_debit_at", DEBIT_GOOD, brand="sepa_debit"),
    TestNumber("DE62370400440532013001", "sepa_debit_fails", DEBIT_FAILS, brand="sepa_debit"),
    TestNumber("AT861904300235473202", "sepa_debit_at_fails", DEBIT_FAILS, brand="sepa_debit"),
)
WALLETS = ("apple_pay", "google_pay")

# Declines with a code of their own; for all others the code is `card_declined`.
OWN_CODES = ("expired_card", "incorrect_cvc", "processing_error")
DECLINE_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}

BY_NUMBER = {card.number: card for card in reversed(CARDS)}
BY_TOKEN = {card.token: card for card in CARDS}
BY_ACCOUNT = {account.number: account for account in ACCOUNTS}


def by_token(name: str) -> tuple[TestNumber, str | None] | None:
    """The card and wallet that `tok_…` or `pm_card_…` stands for, if it is one of ours."""
    for prefix in ("tok_", "pm_card_"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    else:
        return None
    wallet = next((wallet for wallet in WALLETS if name.endswith(f"_{wallet}")), None)
    card = BY_TOKEN.get(name.removesuffix(f"_{wallet}") if wallet else name)
    return (card, wallet) if card else None


def passes_luhn(number: str) -> bool:
    """The check digit is right."""
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[0::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10
