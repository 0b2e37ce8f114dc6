"""Writing rows of which the database decides whether they are new."""

from collections.abc import Sequence
from typing import TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


def insert_new(rows: Sequence[M], unique: Sequence[str]) -> list[int]:
    """Insert unsaved rows of one model but those whose ``unique`` columns are taken; the keys of what was written.

    Without ``unique`` whatever any unique constraint stands against is left out.

    One statement and one round trip, within a transaction or by itself; Django's ``bulk_create`` begins and commits,
    and does not tell which rows it left out. Waits for a transaction that is just writing the same. Sends no signals.
    """
    if not rows:
        return []
    meta = type(rows[0])._meta
    fields = [field for field in meta.local_concrete_fields if not field.primary_key]
    columns = ", ".join(str(field.column) for field in fields)
    conflict = f"({', '.join(unique)})" if unique else ""
    slots = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {meta.db_table} ({columns}) VALUES {slots} "  # noqa: S608 (our own names)
            f"ON CONFLICT {conflict} DO NOTHING RETURNING id",
            [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in fields],
        )
        return [key for (key,) in cursor.fetchall()]
