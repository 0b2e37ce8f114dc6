"""What a finance file is: columns and rows of one operator for a span of its own days, read in one snapshot."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from django.db import connection, transaction
from django.utils.functional import Promise

from billing.models import Operator

# A report over many years may take long; one that takes longer than this is in nobody's interest.
STATEMENT_TIMEOUT = "120s"
MAX_DAYS = 3700

Cell = str | int


class BadSpan(ValueError):
    """The last day lies before the first, or the span is longer than ten years."""


@dataclass(frozen=True, slots=True)
class Span:
    """From the first day to the last, both included, in the operator's time zone."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first or self.last - self.first > timedelta(days=MAX_DAYS):
            raise BadSpan(f"{self.first} to {self.last}")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``is_amount`` marks minor units, shown with as many decimals as the row's currency has."""

    code: str
    title: str | Promise
    is_amount: bool = False
    is_count: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its cells are summed."""
        return self.is_amount or self.is_count


class Report(ABC):
    """One finance file."""

    # Templates call what can be called, classes too, and one that needs arguments becomes an empty text.
    do_not_call_in_templates: ClassVar[bool] = True

    code: ClassVar[str]
    title: ClassVar[str | Promise]
    columns: ClassVar[tuple[Column, ...]]
    currency_column: ClassVar[str] = "currency"

    def __init__(self, operator: Operator, span: Span) -> None:
        self.operator = operator
        self.span = span

    @abstractmethod
    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The rows in order, amounts in minor units; called inside one snapshot, left early if nobody reads."""

    def totals(self, rows: list[tuple[Cell, ...]]) -> dict[str, list[Cell]]:
        """What the columns sum to, by currency; texts are left empty."""
        place = [column.code for column in self.columns].index(self.currency_column)
        sums: dict[str, list[Cell]] = {}
        for row in rows:
            total = sums.setdefault(str(row[place]), [0 if column.is_number else "" for column in self.columns])
            for index, column in enumerate(self.columns):
                if column.is_number:
                    total[index] = int(total[index]) + int(row[index])
        for currency, total in sums.items():
            total[place] = currency
        return sums


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything as it was at one moment, and change nothing; a query that runs away is ended.

    In a test that is itself a transaction the snapshot can't begin: such tests need ``transaction=True``.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT])
        yield
