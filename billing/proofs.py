"""When the holder of a link must prove to be its customer, and the cookie that says they did.

The proof is a code over purpose, operator, selector and expiry, like the link's own (billing.links): it is good for one
link, ends with it or with the PIN, and lies in the browser where that was typed and nowhere else.
"""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.utils.crypto import constant_time_compare

from billing import links
from billing.lib import references
from billing.models import Operator, PaymentLink, ProofRule

Action = ProofRule.Action


def required(link: PaymentLink, action: Action, amount: int = 0) -> bool:
    """Whether the operator asks for a PIN before this; ``amount`` in minor units of the link's currency."""
    return any(
        rule.action == action
        and rule.via in ("", link.via, *link.ways.split())
        and (rule.amount_from is None or amount >= rule.amount_from)
        for rule in rules_of(link.operator)
    )


def offers(operator: Operator, action: Action) -> bool:
    """Whether the operator has a rule for this at all: what is never open to everyone is only shown where one asks."""
    return any(rule.action == action for rule in rules_of(operator))


def rules_of(operator: Operator) -> Sequence[ProofRule]:
    """The operator's rules in force; those that were read with the operator cost no query."""
    kept: Sequence[ProofRule] | None = getattr(operator, "proof_rules_in_force", None)
    if kept is None:
        kept = list(ProofRule.objects.filter(operator_id=operator.pk, is_active=True).order_by("pk"))
        operator.proof_rules_in_force = kept  # type: ignore[attr-defined]
    return kept


def token(link: PaymentLink) -> str:
    """What the browser keeps once its holder has proved to be the customer."""
    return references.encode(_mac(settings.SECRET_KEY, link))


def holds(link: PaymentLink, token: str, now: datetime) -> bool:
    """Whether this is the link's proof; every key is tried."""
    matches = [
        constant_time_compare(token, references.encode(_mac(key, link)))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    return any(matches) and link.expires_at > now


def _mac(key: str, link: PaymentLink) -> bytes:
    since = link.customer.proofs_from
    bound = f"{int(link.expires_at.timestamp())} {since.timestamp() if since else 0}".encode()
    return links.code_of(key, link.operator.code, link.selector, bound, purpose="proof")
