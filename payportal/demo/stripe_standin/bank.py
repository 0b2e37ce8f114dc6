"""The sandbox's bank: the page where a cardholder approves or refuses a payment (3-D Secure)."""

from __future__ import annotations

from html import escape
from string import Template
from urllib.parse import urlsplit

from payportal.demo.stripe_standin import confirmation, currencies
from payportal.demo.stripe_standin.browser import text
from payportal.demo.stripe_standin.store import Object, Store

PREFIX = "/sandbox/bank/"


def ask(store: Store, intent_id: str, nonce: str) -> str:
    """The page with its two buttons. Raises ApiError (404) for an unknown address."""
    with store.work() as work:
        intent = confirmation.asked(work, intent_id, nonce)
        is_open = intent["status"] == "requires_action" and work.secrets_of(intent_id).get("nonce") == nonce
    if not is_open:
        return _page("bank_over.html", intent)
    return _page("bank.html", intent)


def decide(store: Store, intent_id: str, nonce: str, answer: str) -> tuple[Object, str | None]:
    """Approve or refuse; anything but `approve` is a refusal."""
    with store.work() as work:
        return confirmation.decide(work, intent_id, nonce, is_approved=answer == "approve")


def over(intent: Object) -> str:
    """The page shown when there is no address to go back to."""
    return _page("bank_over.html", intent)


def policy(return_url: str | None) -> str:
    """The page's content security policy; the form's answer redirects to the shop."""
    parts = urlsplit(return_url or "")
    back = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return f"default-src 'none'; style-src 'self'; form-action 'self'{back}; base-uri 'none'"


def _page(name: str, intent: Object) -> str:
    return Template(text(name)).substitute(amount=escape(shown(intent["amount"], intent["currency"])))


def shown(amount: int, currency: str) -> str:
    """An amount in words enough for a sandbox: code, and the currency's own decimals."""
    decimals = 0 if currency in currencies.ZERO_DECIMAL else 3 if currency in currencies.THREE_DECIMAL else 2
    return f"{currency.upper()} {amount / 10**decimals:,.{decimals}f}"
