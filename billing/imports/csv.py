"""Bills as comma- or semicolon-separated text, one row a line of a bill (docs/importing.md describes the columns)."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from billing.imports.bills import (
    Buyer,
    FileRefused,
    ReadBill,
    Seller,
    check,
    one_line,
    read_amount,
    read_currency,
    read_date,
    read_rate,
    vat_within,
)
from billing.imports.ubl import UNKNOWN_LANGUAGE
from billing.invoices import LineData

NEEDED = ("seller", "account", "number", "currency", "issued_on", "due_on", "total", "description", "amount")
OPTIONAL = (
    "vat_rate",
    "vat_amount",
    "period_start_on",
    "period_end_on",
    "customer",
    "customer_name",
    "language",
    "phone",
    "email",
    "account_name",
)
# What belongs to one line; everything else must be the same in all rows of a bill.
OF_A_LINE = ("description", "amount", "vat_rate", "vat_amount")
MOST_ROWS = 200_000
LONGEST_FIELD = 1_000


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")

    @property
    def bill(self) -> tuple[str, str]:
        return self["seller"], self["number"]


def read(data: bytes) -> list[ReadBill]:
    """Every bill of the file, in its order. Raises FileRefused: one bad row refuses them all."""
    groups: dict[tuple[str, str], list[_Row]] = {}
    for row in _rows(_text(data)):
        groups.setdefault(row.bill, []).append(row)
    if not groups:
        raise FileRefused(1, "there are no bills in it")
    return [_bill(rows) for rows in groups.values()]


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(data[: error.start].count(b"\n") + 1, "not UTF-8") from None
    if "\0" in text:
        raise FileRefused(text[: text.index("\0")].count("\n") + 1, "there is a NUL character in it")
    return text


def _rows(text: str) -> Iterator[_Row]:
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",", strict=True)
    columns: list[str] = []
    start = 1
    try:
        for cells in reader:
            if not columns:
                columns = _columns(cells)
            elif any(cell.strip() for cell in cells):
                yield _row(columns, cells, start)
            if reader.line_num > MOST_ROWS:
                raise FileRefused(reader.line_num, f"there are more than {MOST_ROWS} lines: split the file")
            start = reader.line_num + 1
    except csv.Error as error:
        raise FileRefused(reader.line_num, f"not CSV: {error}") from None


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    if missing := [name for name in NEEDED if name not in columns]:
        raise FileRefused(1, f"columns are missing: {', '.join(missing)}")
    if unknown := [name for name in columns if name not in NEEDED + OPTIONAL]:
        raise FileRefused(1, f"unknown columns: {', '.join(name[:40] for name in unknown)}")
    if len(set(columns)) != len(columns):
        raise FileRefused(1, "a column is there twice")
    return columns


def _row(columns: list[str], cells: list[str], line: int) -> _Row:
    if len(cells) != len(columns):
        raise FileRefused(line, f"there are {len(cells)} fields, the header has {len(columns)}")
    if any(len(cell) > LONGEST_FIELD for cell in cells):
        raise FileRefused(line, f"a field is longer than {LONGEST_FIELD} characters")
    row = _Row(line, {name: cell.strip() for name, cell in zip(columns, cells, strict=True)})
    for name in NEEDED:
        if not row[name]:
            raise FileRefused(line, f"{name} is empty")
    return row


def _bill(rows: list[_Row]) -> ReadBill:
    first = rows[0]
    for row in rows[1:]:
        for column in first.values.keys() - set(OF_A_LINE):
            if row[column] != first[column]:
                raise FileRefused(row.line, f"{column} is another than in line {first.line}, for the same bill")
    currency = read_currency(first["currency"], first.line)
    bill = ReadBill(
        line=first.line,
        seller=Seller(numbers=(one_line(first["seller"]),)),
        buyer=Buyer(
            account=first["account"],
            customer=first["customer"],
            name=one_line(first["customer_name"]),
            language=first["language"],
            phone=first["phone"],
            email=first["email"],
            account_name=one_line(first["account_name"]),
        ),
        number=first["number"],
        currency=currency,
        amount=read_amount(first["total"], currency, first.line),
        issued_on=read_date(first["issued_on"], first.line),
        due_on=read_date(first["due_on"], first.line),
        lines=tuple(_line(row, currency) for row in rows),
        period_start_on=read_date(first["period_start_on"], first.line) if first["period_start_on"] else None,
        period_end_on=read_date(first["period_end_on"], first.line) if first["period_end_on"] else None,
    )
    return check(bill)


def _line(row: _Row, currency: str) -> LineData:
    amount = read_amount(row["amount"], currency, row.line)
    rate = read_rate(row["vat_rate"], row.line) if row["vat_rate"] else 0
    vat = read_amount(row["vat_amount"], currency, row.line) if row["vat_amount"] else vat_within(amount, rate)
    if abs(vat) > abs(amount) or vat * amount < 0:
        raise FileRefused(row.line, "the tax is more than the amount that it is part of")
    return LineData({UNKNOWN_LANGUAGE: one_line(row["description"])}, amount, vat, rate)
