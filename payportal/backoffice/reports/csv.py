"""Rows as CSV (RFC 4180) that opens as what it is: amounts exact, and no cell that a spreadsheet would run."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from billing.lib import money
from payportal.backoffice.reports.base import Cell, Report, snapshot

# OWASP, "CSV Injection": what makes a cell a formula, with the full-width forms that some spreadsheets take for them.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def inert(text: str) -> str:
    """A text that stays text in a spreadsheet: what could begin a formula gets an apostrophe before it.

    Blanks before it, the invisible ones too, change nothing: spreadsheets skip them.
    """
    bare = text.lstrip(" \u00a0\u200b\ufeff\x00")
    return "'" + text if text.startswith(DANGEROUS) or bare.startswith(DANGEROUS) else text


def cells(report: Report, row: Iterable[Cell]) -> list[str]:
    """A row as a file or a page writes it."""
    row = tuple(row)
    currency = str(row[[column.code for column in report.columns].index(report.currency_column)])
    return [
        money.plain(int(cell), currency) if column.is_amount else str(cell) if isinstance(cell, int) else inert(cell)
        for column, cell in zip(report.columns, row, strict=True)
    ]


def lines(report: Report) -> Iterator[str]:
    """The file line by line, out of one snapshot.

    Whoever stops reading closes this generator, which ends the transaction and with it the cursor in the database.
    """
    writer: Any = csv.writer(_Echo(), lineterminator="\r\n")
    yield writer.writerow([column.code for column in report.columns])
    with snapshot():
        for row in report.rows():
            yield writer.writerow(cells(report, row))
