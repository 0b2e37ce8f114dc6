"""What a customer agreed to that is not about a debt or a purchase of theirs; without it nothing of that is sent.

A yes is a row and a no is its end: what held when stays on record.
"""

from datetime import datetime

from django.db import transaction

from billing import audit
from billing.models import Customer
from payportal.messaging.models import Consent


def give(customer: Customer, purpose: str, *, source: str, actor: str, now: datetime) -> bool:
    """The customer agrees to messages of this purpose; False: they had agreed before.

    ``source`` says where they did, for whoever asks one day.
    """
    with transaction.atomic():
        _, is_new = Consent.objects.get_or_create(
            customer=customer,
            purpose=purpose,
            withdrawn_at__isnull=True,
            defaults={"given_at": now, "source": source},
        )
        if is_new:
            _record("give-consent", customer, purpose, actor, now)
    return is_new


def withdraw(customer: Customer, purpose: str, *, actor: str, now: datetime) -> bool:
    """The customer agrees no longer; False: there was nothing to withdraw."""
    with transaction.atomic():
        rows = Consent.objects.filter(customer=customer, purpose=purpose, withdrawn_at__isnull=True)
        had_agreed = bool(rows.update(withdrawn_at=now))
        if had_agreed:
            _record("withdraw-consent", customer, purpose, actor, now)
    return had_agreed


def in_force(customer: Customer, purpose: str) -> Consent | None:
    """The yes that holds now."""
    return Consent.objects.filter(customer=customer, purpose=purpose, withdrawn_at__isnull=True).first()


def _record(verb: str, customer: Customer, purpose: str, actor: str, now: datetime) -> None:
    audit.record(
        actor=actor,
        verb=verb,
        subject_reference=f"customer:{customer.pk}",
        now=now,
        reason=purpose,
        operator=customer.operator,
    )
