"""Alarms: what a person must look at soon. One is open at most for each kind and subject; repeats only count."""

from datetime import datetime

from django.db import connection, transaction

from billing import audit
from billing.models import Alarm, Operator


def raise_alarm(kind: str, subject: str, now: datetime, *, detail: str = "", operator: Operator | None = None) -> bool:
    """Say that something needs a person: True when that is news, False when an open alarm was counted up.

    ``subject`` and ``detail`` are codes and numbers: never a person, an address or a secret. One statement, so that
    any number of workers who see the same thing at once open one alarm.
    """
    values = [operator.pk if operator else None, kind, subject[:120], detail[:200], now, now]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Alarm._meta.db_table} AS alarm "  # noqa: S608 (our own name)
            "(operator_id, kind, subject, detail, count, first_at, last_at, closed_by) "
            "VALUES (%s, %s, %s, %s, 1, %s, %s, '') "
            "ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO UPDATE SET count = alarm.count + 1, "
            "last_at = GREATEST(alarm.last_at, EXCLUDED.last_at), detail = EXCLUDED.detail RETURNING count",
            values,
        )
        return bool(cursor.fetchone()[0] == 1)


def close(alarm_id: int, *, actor: str, now: datetime) -> bool:
    """A person has seen to it; False when it was closed before. What goes on being wrong opens another."""
    with transaction.atomic():
        changed = Alarm.objects.filter(pk=alarm_id, closed_at__isnull=True).update(closed_at=now, closed_by=actor)
        if changed:
            operator = Alarm.objects.select_related("operator").get(pk=alarm_id).operator
            audit.record(
                actor=actor, verb="close-alarm", subject_reference=f"alarm:{alarm_id}", now=now, operator=operator
            )
    return bool(changed)
