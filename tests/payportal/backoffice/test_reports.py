"""Faults 19 and 20, attack 10: payments by day, equal to the ledger to the cent."""

import csv as reader
import io
import random
import threading
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from billing import refunds
from billing.gateways.base import GatewayRefund
from billing.lib import money
from billing.models import AuditEntry, LedgerPosting, Payment
from payportal.backoffice import roles
from payportal.backoffice.reports import REPORTS, csv
from payportal.backoffice.reports.base import BadSpan, Span
from tests.payportal.backoffice import world

# A report is a snapshot, and a snapshot can't begin inside a test's own transaction.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_factor")]

Row = dict[str, str]


def _rows(text: str) -> list[Row]:
    return list(reader.DictReader(io.StringIO(text)))


def _report(house: world.House, first: date, last: date) -> list[Row]:
    return _rows("".join(csv.lines(REPORTS["payments"](house.operator, Span(first, last)))))


def _paid(house: world.House, reference: str, at: datetime, amount: int = 100, **changes: object) -> Payment:
    """A payment of a link of its own, booked at that moment as credit."""
    paid = world.payment(house.link, reference, amount, now=at, **changes)
    world.book(paid, at)
    return paid


def test_it_works(brisvik: world.House) -> None:
    today = datetime.now(ZoneInfo("Europe/Oslo")).date()
    rows = _report(brisvik, today - timedelta(days=1), today + timedelta(days=1))
    assert len(rows) == 1
    assert rows[0]["operator"] == "brisvik"
    assert rows[0]["gateway_account"] == "default"
    assert (rows[0]["payments"], rows[0]["currency"]) == ("1", "NOK")
    assert [rows[0][name] for name in ("received", "to_bills", "to_credit", "other")] == [
        "648.00",
        "648.00",
        "0.00",
        "0.00",
    ]


def test_a_random_year_sums_to_the_ledger_to_the_cent(brisvik: world.House, solmara: world.House) -> None:
    """Several currencies, accounts and operators; every cent of the ledger is in the report, and no other."""
    chance = random.Random(20261122)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(150):
        house = chance.choice((brisvik, solmara))
        at = begin + timedelta(seconds=chance.randrange(365 * 86400))
        owed = world.bill(house.account, f"bill-{number}", amount=chance.randrange(1, 10**9))
        amount = chance.randrange(1, owed.amount + 500)
        currency = chance.choice(("NOK", "EUR", "JPY", "KWD"))
        account = chance.choice(("default", "second"))
        paid = world.payment(house.link, f"r{number}", amount, now=at, currency=currency, gateway_account=account)
        credit = chance.choice((0, amount // 3)) if amount > 3 else 0
        world.book(paid, at, to_bill=owed, credit=credit)
    for house in (brisvik, solmara):
        rows = _report(house, date(2024, 12, 31), date(2026, 1, 1))
        assert len(rows) > 40
        for column, accounts, sign in (
            ("received", ("gateway:",), 1),
            ("to_bills", ("receivable",), -1),
            ("to_credit", ("credit",), -1),
        ):
            assert _sums(rows, column) == _ledger(house, accounts, sign), column
        assert sum(int(row["payments"]) for row in rows) == _booked(house).count()
        assert {row["other"] for row in rows} <= {"0.00", "0", "0.000"}
        for row in rows:
            assert Decimal(row["received"]) == Decimal(row["to_bills"]) + Decimal(row["to_credit"])


def _booked(house: world.House) -> object:
    return Payment.objects.filter(operator=house.operator, reference__startswith="r")


def _sums(rows: list[Row], column: str) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        sums[row["currency"]] += int(Decimal(row[column]).scaleb(money.exponent(row["currency"])))
    return {currency: total for currency, total in sums.items() if total}


def _ledger(house: world.House, accounts: tuple[str, ...], sign: int) -> dict[str, int]:
    """The same in plain Python, straight from the postings."""
    sums: dict[str, int] = defaultdict(int)
    for posting in LedgerPosting.objects.filter(
        entry__operator=house.operator, entry__payment__isnull=False, entry__booked_at__year=2025
    ):
        if posting.account.startswith(accounts):
            sums[posting.currency] += sign * posting.amount
    return {currency: total for currency, total in sums.items() if total}


def test_what_went_back_has_a_column_of_its_own(brisvik: world.House) -> None:
    """A refund is no smaller payment: what came in on its day stays what it was."""
    paid_on, back_on = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 5, 12, tzinfo=UTC)
    paid = world.payment(brisvik.link, "r1", 64800, now=paid_on, currency_received="NOK")
    world.book(paid, paid_on)
    gone = GatewayRefund(
        reference="re_1",
        payment_reference="pi_r1",
        status="succeeded",
        amount=9900,
        currency="NOK",
        created_at=back_on,
    )
    refunds.hear(paid.pk, [gone], back_on)
    rows = _report(brisvik, date(2026, 3, 1), date(2026, 3, 31))
    shown = [tuple(row[name] for name in ("day", "payments", "received", "to_credit", "refunded")) for row in rows]
    assert shown == [("2026-03-02", "1", "648.00", "648.00", "0.00"), ("2026-03-05", "0", "0.00", "0.00", "99.00")]
    held = LedgerPosting.objects.filter(account="gateway:stripe:default", entry__payment=paid)
    assert sum(held.values_list("amount", flat=True)) == 64800 - 9900


@pytest.mark.parametrize(
    ("at", "day"),
    [
        # Winter: Oslo is an hour ahead of UTC.
        (datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC), "2026-01-31"),
        (datetime(2026, 1, 31, 23, 0, 0, tzinfo=UTC), "2026-02-01"),
        # Summer: two hours.
        (datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), "2026-06-30"),
        (datetime(2026, 6, 30, 22, 0, 0, tzinfo=UTC), "2026-07-01"),
        # The day that has 23 hours, and the one that has 25 with its third hour twice.
        (datetime(2026, 3, 28, 23, 0, 0, tzinfo=UTC), "2026-03-29"),
        (datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), "2026-03-29"),
        (datetime(2026, 3, 29, 22, 0, 0, tzinfo=UTC), "2026-03-30"),
        (datetime(2026, 10, 24, 22, 0, 0, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 0, 30, 0, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 1, 30, 0, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 23, 0, 0, tzinfo=UTC), "2026-10-26"),
        # The last night of February, and of the year.
        (datetime(2028, 2, 29, 22, 59, 59, tzinfo=UTC), "2028-02-29"),
        (datetime(2026, 12, 31, 23, 0, 0, tzinfo=UTC), "2027-01-01"),
    ],
)
def test_a_booking_belongs_to_the_operators_own_day(brisvik: world.House, at: datetime, day: str) -> None:
    _paid(brisvik, "edge", at)
    own = date.fromisoformat(day)
    assert [row["day"] for row in _report(brisvik, own, own)] == [day]
    assert _report(brisvik, own - timedelta(days=20), own - timedelta(days=1)) == []
    assert not [row for row in _report(brisvik, own + timedelta(days=1), own + timedelta(days=20)) if row["day"] == day]


def test_days_side_by_side_lose_nothing_and_count_nothing_twice(brisvik: world.House) -> None:
    """Every hour around both changes of the clock falls into exactly one of the days' own reports."""
    for month, first in ((3, 28), (10, 24)):
        begin = datetime(2026, month, first, tzinfo=UTC)
        for hour in range(72):
            _paid(brisvik, f"h{month}-{hour}", begin + timedelta(hours=hour))
        single = [_report(brisvik, *[date(2026, month, first) + timedelta(days=n)] * 2) for n in range(4)]
        counts = [sum(int(row["payments"]) for row in rows) for rows in single]
        assert sum(counts) == 72
        assert (23 if month == 3 else 25) in counts


@pytest.mark.parametrize("zone", ["America/Havana", "Asia/Beirut", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu"])
def test_zones_whose_midnight_moves(zone: str) -> None:
    """Where clocks change at midnight, and where a whole day was once left out, each booking is in one day."""
    house = world.house("far", time_zone=zone)
    begin = datetime(2011, 12, 28, tzinfo=UTC) if zone == "Pacific/Apia" else datetime(2026, 3, 6, tzinfo=UTC)
    for half in range(2 * 24 * 6):
        _paid(house, f"z{half}", begin + timedelta(minutes=30 * half))
    days = [begin.date() + timedelta(days=n) for n in range(-1, 8)]
    assert sum(int(row["payments"]) for day in days for row in _report(house, day, day)) == 2 * 24 * 6


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (104700, "NOK", "1047.00"),
        (1, "NOK", "0.01"),
        (0, "EUR", "0.00"),
        (-1250, "EUR", "-12.50"),
        (-1, "EUR", "-0.01"),
        (1047, "JPY", "1047"),
        (-5, "JPY", "-5"),
        (3250, "KWD", "3.250"),
        (10**17 + 1, "EUR", "1000000000000000.01"),
    ],
)
def test_amounts_are_exact_decimals_of_their_currency(amount: int, currency: str, text: str) -> None:
    assert money.plain(amount, currency) == text


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\u00a0=", "\ufeff="]
)
def test_a_formula_is_inert(first: str) -> None:
    text = f"{first}cmd|' /C calc'!A0"
    assert csv.inert(text) == "'" + text
    assert csv.inert("brisvik = good") == "brisvik = good"


def test_a_hostile_account_code_is_inert_in_the_file_and_a_negative_sum_stays_a_number(brisvik: world.House) -> None:
    at = datetime(2026, 5, 5, 12, tzinfo=UTC)
    _paid(brisvik, "evil", at, gateway_account='=HYPERLINK("http://evil.example","x")')
    text = "".join(csv.lines(REPORTS["payments"](brisvik.operator, Span(at.date(), at.date()))))
    assert _rows(text)[0]["gateway_account"] == '\'=HYPERLINK("http://evil.example","x")'
    report = REPORTS["payments"](brisvik.operator, Span(at.date(), at.date()))
    row = ("2026-05-05", "brisvik", "default", "NOK", 1, -1250, -1250, 0, 0, 0)
    assert csv.cells(report, row)[5] == "-12.50"


def test_the_file_is_one_snapshot(brisvik: world.House) -> None:
    """Fault 20: what is booked while the file is being read is not in it, not even in part."""
    for number in range(3):
        _paid(brisvik, f"before{number}", datetime(2026, 5, 1 + number, 12, tzinfo=UTC))
    lines = csv.lines(REPORTS["payments"](brisvik.operator, Span(date(2026, 5, 1), date(2026, 5, 31))))
    head, first = next(lines), next(lines)

    def book_more() -> None:
        _paid(brisvik, "meanwhile", datetime(2026, 5, 30, 12, tzinfo=UTC))
        connections.close_all()

    other = threading.Thread(target=book_more)
    other.start()
    other.join(30)
    assert Payment.objects.filter(reference="meanwhile").exists() is False, "the snapshot's own connection"
    rest = list(lines)
    assert [row["day"] for row in _rows(head + first + "".join(rest))] == ["2026-05-01", "2026-05-02", "2026-05-03"]
    assert len(_report(brisvik, date(2026, 5, 1), date(2026, 5, 31))) == 4


def test_who_goes_away_ends_the_query(brisvik: world.House) -> None:
    _paid(brisvik, "one", datetime(2026, 5, 1, 12, tzinfo=UTC))
    client = _finance(brisvik)
    response = client.get(_address(), {**_may("brisvik"), "format": "csv"})
    stream = iter(response.streaming_content)  # type: ignore[attr-defined]
    next(stream)
    next(stream)
    assert connection.in_atomic_block
    response.close()
    assert not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)


def test_a_report_can_change_nothing(brisvik: world.House) -> None:
    from django.db import DatabaseError

    from payportal.backoffice.reports.base import snapshot

    with pytest.raises(DatabaseError, match="read-only"), snapshot():
        AuditEntry.objects.create(at=datetime.now(UTC), actor="x", verb="x", subject_reference="x")


def _finance(house: world.House) -> Client:
    return world.logged_in(world.person("odd", house.operator, role=roles.FINANCE))


def _address() -> str:
    return reverse("admin:report", args=["payments"])


def _may(operator: str) -> dict[str, str]:
    return {"operator": operator, "first": "2026-05-01", "last": "2026-05-31"}


def test_the_page_the_file_and_the_command_say_the_same(brisvik: world.House, tmp_path: Path) -> None:
    for number, amount in enumerate((64800, 1, 39900)):
        _paid(brisvik, f"p{number}", datetime(2026, 5, 1 + number % 2, 12, tzinfo=UTC), amount)
    client = _finance(brisvik)
    page = client.get(_address(), _may("brisvik")).content.decode()
    for text in ("2026-05-01", "1047.00", "1047.01"):
        assert f">{text}<" in page
    response = client.get(_address(), {**_may("brisvik"), "format": "csv"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="payments-brisvik-2026-05-01-2026-05-31.csv"'
    downloaded = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    out, printed = tmp_path / "may.csv", io.StringIO()
    arguments = ["payments", "--operator", "brisvik", "--from", "2026-05-01", "--to", "2026-05-31"]
    call_command("report", *arguments, "--out", str(out))
    call_command("report", *arguments, stdout=printed)
    assert downloaded == out.read_bytes() == printed.getvalue().encode()
    assert [row["received"] for row in _rows(downloaded.decode())] == ["1047.00", "0.01"]
    assert list(tmp_path.iterdir()) == [out]


def test_who_ran_a_report_is_kept(brisvik: world.House) -> None:
    client = _finance(brisvik)
    client.get(_address(), _may("brisvik"))
    kept = AuditEntry.objects.get(verb="report-payments")
    assert kept.actor.startswith("staff:")
    assert (kept.subject_reference, kept.reason) == ("operator:brisvik", "2026-05-01 2026-05-31")


@pytest.mark.parametrize(
    "changes",
    [
        {"first": "2026-06-01"},
        {"first": "yesterday"},
        {"last": ""},
        {"last": "9999-12-31"},
        {"operator": "nobody"},
        {"operator": "' OR 1=1 --"},
        {"first": "2026-02-30"},
        {"first": "1000-01-01"},
        {"operator": "\x00"},
    ],
)
def test_bad_input_gets_a_clear_answer(brisvik: world.House, changes: dict[str, str]) -> None:
    for extra in ({}, {"format": "csv"}):
        response = _finance_once(brisvik).get(_address(), {**_may("brisvik"), **changes, **extra})
        assert response.status_code == 422
        assert "errorlist" in response.content.decode()
    assert not AuditEntry.objects.filter(verb="report-payments").exists()


def _finance_once(house: world.House) -> Client:
    from django.contrib.auth.models import User

    found = User.objects.filter(username="odd").first()
    return world.logged_in(found) if found else _finance(house)


def test_an_unknown_report_is_not_there(brisvik: world.House) -> None:
    assert _finance(brisvik).get("/admin/reports/nothing/").status_code == 404


def test_the_list_of_reports_leads_to_each(brisvik: world.House) -> None:
    client = _finance(brisvik)
    shown = client.get("/admin/reports/")
    assert shown.status_code == 200
    for code, report in REPORTS.items():
        assert f'<a href="/admin/reports/{code}/">{report.title}</a>' in shown.content.decode()
        assert client.get(f"/admin/reports/{code}/").status_code == 200


def test_reports_are_for_those_who_may(brisvik: world.House) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))
    assert client.get(_address(), _may("brisvik")).status_code == 403
    assert client.get("/admin/reports/").status_code == 403


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--operator", "nobody", "--from", "2026-05-01", "--to", "2026-05-02"], "known: brisvik"),
        (["--operator", "brisvik", "--from", "2026-05-02", "--to", "2026-05-01"], "bad span"),
        (["--operator", "brisvik", "--from", "1.5.2026", "--to", "2026-05-01"], "write it as"),
        (
            ["--operator", "brisvik", "--from", "2026-05-01", "--to", "2026-05-02", "--out", "/no/such/x.csv"],
            "not written",
        ),
        (["--operator", "brisvik"], "required"),
    ],
)
def test_the_command_says_clearly_what_is_wrong(brisvik: world.House, arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("report", "payments", *arguments)


def test_a_span_of_more_than_ten_years_is_refused() -> None:
    with pytest.raises(BadSpan):
        Span(date(2010, 1, 1), date(2026, 1, 1))
