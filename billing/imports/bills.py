"""What every kind of file is turned into, and what is wrong with a file."""

import re
from dataclasses import dataclass, field
from datetime import date

from babel.numbers import is_currency

from billing.invoices import LineData
from billing.lib import money

# An amount as files write it; Decimal alone would also take "1e3", "1_000" and other scripts' digits.
PLAIN_AMOUNT = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,10})?\Z")
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
# Something mistyped, or a machine whose clock is broken.
FIRST_YEAR, LAST_YEAR = 1990, 2100
LONGEST_NUMBER = 64
LONGEST_ACCOUNT = 40
LONGEST_NAME = 200


class FileRefused(Exception):
    """A file that is refused whole: the line it is about (0: the file itself) and the reason, without personal data."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Seller:
    """Who issued the bill: every number the file knows it by, the legal registration first."""

    numbers: tuple[str, ...]
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whose bill it is. What is empty the file didn't say."""

    account: str
    customer: str = ""
    name: str = field(default="", repr=False)
    language: str = ""
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    account_name: str = ""


@dataclass(frozen=True, slots=True)
class ReadBill:
    """One bill of a file, its lines with tax and summing to ``amount`` exactly; minor units."""

    line: int
    seller: Seller
    buyer: Buyer
    number: str
    currency: str
    amount: int
    issued_on: date
    due_on: date
    lines: tuple[LineData, ...]
    period_start_on: date | None = None
    period_end_on: date | None = None

    @property
    def vat_amount(self) -> int:
        return sum(line.vat_amount for line in self.lines)


def read_amount(text: str, currency: str, line: int) -> int:
    """Minor units of a plain decimal number, exactly. Raises FileRefused."""
    if not PLAIN_AMOUNT.match(text.strip()):
        raise FileRefused(line, f"{text[:40]!r} is not an amount")
    try:
        return money.parse_plain(text, currency)
    except money.NotMoney as error:
        raise FileRefused(line, str(error)) from None


def read_currency(text: str, line: int) -> str:
    """An ISO 4217 code. Raises FileRefused."""
    if not re.fullmatch(r"[A-Z]{3}", text) or not is_currency(text):
        raise FileRefused(line, f"{text[:40]!r} is not a currency (ISO 4217)")
    return text


def read_date(text: str, line: int) -> date:
    """A calendar day as YYYY-MM-DD. Raises FileRefused."""
    if not ISO_DATE.match(text.strip()):
        raise FileRefused(line, f"{text[:40]!r} is not a date (YYYY-MM-DD)")
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise FileRefused(line, f"there is no day {text.strip()}") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise FileRefused(line, f"the year {day.year} can't be right")
    return day


def read_rate(text: str, line: int) -> int:
    """A tax rate in percent, as hundredths of a percent. Raises FileRefused."""
    if not PLAIN_AMOUNT.match(text.strip()) or text.strip().startswith("-"):
        raise FileRefused(line, f"{text[:40]!r} is not a tax rate")
    whole, _, part = text.strip().lstrip("+").partition(".")
    if len(part.rstrip("0")) > 2 or int(whole) > 100:
        raise FileRefused(line, f"{text[:40]!r} is not a tax rate")
    return int(whole) * 100 + int(part.rstrip("0").ljust(2, "0") or 0)


def check(bill: ReadBill) -> ReadBill:
    """What must be true of every bill, whatever it was read from. Raises FileRefused."""
    refusals = {
        "the bill has no number": not bill.number,
        f"the bill's number is longer than {LONGEST_NUMBER} characters": len(bill.number) > LONGEST_NUMBER,
        "the bill doesn't say whose account it is for": not bill.buyer.account,
        f"the account number is longer than {LONGEST_ACCOUNT} characters": len(bill.buyer.account) > LONGEST_ACCOUNT,
        "the bill doesn't say who issued it": not bill.seller.numbers,
        "the bill has no lines": not bill.lines,
        "there is nothing to pay on this bill": bill.amount <= 0,
        "the bill is due before it was issued": bill.due_on < bill.issued_on,
        "the period ends before it begins": bool(
            bill.period_start_on and bill.period_end_on and bill.period_end_on < bill.period_start_on
        ),
        "a number has characters that can't be printed": not (bill.number + bill.buyer.account).isprintable(),
    }
    for reason, is_so in refusals.items():
        if is_so:
            raise FileRefused(bill.line, reason)
    total = sum(line.amount for line in bill.lines)
    if total != bill.amount:
        shown = (money.plain(amount, bill.currency) for amount in (total, bill.amount))
        raise FileRefused(bill.line, "the lines sum to {}, the bill says {}".format(*shown))
    return bill


def one_line(text: str) -> str:
    """A name as a bill shows it: one line, no control characters, not endless."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_NAME]


def vat_within(amount: int, rate: int) -> int:
    """The tax inside a price with tax, in minor units, rounded half up; the rate is in hundredths of a percent."""
    sign = -1 if amount < 0 else 1
    return sign * ((2 * abs(amount) * rate + 10_000 + rate) // (2 * (10_000 + rate)))
