"""Who did what to what, kept for good."""

from collections.abc import Iterable
from datetime import datetime

from billing.models import AuditEntry, Operator


def record(
    *,
    actor: str,
    verb: str,
    subject_reference: str,
    now: datetime,
    reason: str = "",
    operator: Operator | None = None,
) -> None:
    """Keep that ``actor`` did this; called inside the transaction of the change itself.

    Actors are ``staff:<id>``, ``customer:<link id>`` or ``system:<name>``; subjects ``<noun>:<reference>``. References
    only: no names, no phone numbers, no tokens.
    """
    AuditEntry.objects.create(
        actor=actor,
        verb=verb,
        subject_reference=subject_reference,
        at=now,
        reason=reason[:200],
        operator=operator,
    )


def record_all(entries: Iterable[AuditEntry]) -> None:
    """Keep several unsaved entries at once, as ``record`` does."""
    AuditEntry.objects.bulk_create(entries)
