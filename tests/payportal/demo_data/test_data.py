"""The demo's data: what the story needs, once."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command
from django.db.models import Sum

from activation.models import Activation, Device, Package
from billing import invoices, links
from billing.models import Customer, Invoice, LedgerPosting, Operator
from payportal.demo import data

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def call(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def test_it_works() -> None:
    assert data.load(NOW)
    kari = data.customer(data.PRINTED_CUSTOMER)
    late, soon = invoices.owed(kari.pk, "NOK")
    assert (late.amount, (NOW.date() - late.due_on).days) == (64800, 12)
    assert (soon.amount, (soon.due_on - NOW.date()).days) == (39900, 10)
    assert late.number == "20461-10"
    assert soon.number == "20462-11"
    assert late.vat_amount == 12960
    tv = Device.objects.get(customer=kari)
    assert tv.kind == Device.Kind.TV
    assert tv.names["en"] == "living room"
    paused = Activation.objects.get(customer=kari)
    assert paused.status == Activation.Status.SUSPENDED
    assert paused.account == late.account
    assert paused.device == tv
    offers = Package.objects.filter(operator=kari.operator).order_by("position")
    assert [(p.names["en"], p.amount, p.duration_days) for p in offers] == [
        ("Sports weekend", 9900, 3),
        ("Films", 12900, 30),
        ("10 GB extra", 7900, 30),
    ]


def test_loading_again_on_a_later_day_changes_nothing() -> None:
    data.load(NOW)
    before = list(Invoice.objects.order_by("pk").values_list("number", "due_on"))
    assert not data.load(NOW.replace(year=2027))
    assert list(Invoice.objects.order_by("pk").values_list("number", "due_on")) == before
    assert Operator.objects.count() == 2


def test_the_second_customer_owes_nothing_and_the_third_is_solmaras() -> None:
    data.load(NOW)
    assert not invoices.owed(data.customer(data.DEBTLESS_CUSTOMER).pk, "NOK").exists()
    salma = data.customer(data.SOLMARA_CUSTOMER)
    assert salma.operator.host == "solmara.localhost"
    assert salma.language == "ar"
    assert sum(bill.amount_due for bill in invoices.owed(salma.pk, "EUR")) == 8340
    assert Customer.objects.count() == 3


@pytest.mark.parametrize("day", [datetime(2027, 1, 5, tzinfo=UTC), datetime(2028, 2, 29, 23, 59, tzinfo=UTC)])
def test_it_loads_on_any_day_of_the_year(day: datetime) -> None:
    data.load(day)
    for bill in Invoice.objects.all():
        assert bill.period_start_on is not None
        assert bill.period_end_on is not None
        assert bill.period_start_on.day == 1
        assert bill.period_end_on < bill.due_on
        assert sum(line.amount for line in bill.lines.all()) == bill.amount


def test_the_ledger_says_what_the_bills_say() -> None:
    data.load(NOW)
    booked = LedgerPosting.objects.filter(account="receivable").aggregate(total=Sum("amount"))["total"]
    assert booked == sum(Invoice.objects.values_list("amount", flat=True)) > 0


def test_every_phone_number_is_from_a_range_kept_for_fiction() -> None:
    data.load(NOW)
    fiction = ("+447700900", "+441632960", "+33199")
    numbers = [
        *Customer.objects.values_list("phone", flat=True),
        *Operator.objects.values_list("help_phone", flat=True),
    ]
    assert len(numbers) == 5
    assert all(number.startswith(fiction) for number in numbers)


def test_the_admin_logs_in_with_the_files_password(tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text("correct horse\n")
    assert "correct horse" not in call("demo_load", "--admin-password-file", str(password_file))
    assert authenticate(username="admin", password="correct horse") == get_user_model().objects.get()
    password_file.write_text("battery staple")
    call("demo_load", "--admin-password-file", str(password_file))
    assert authenticate(username="admin", password="battery staple")
    assert not authenticate(username="admin", password="correct horse")
    assert get_user_model().objects.count() == 1


@pytest.mark.parametrize("text", [None, " \n"])
def test_without_a_password_nothing_is_loaded(tmp_path: Path, text: str | None) -> None:
    password_file = tmp_path / "password"
    if text is not None:
        password_file.write_text(text)
    with pytest.raises(CommandError):
        call("demo_load", "--admin-password-file", str(password_file))
    assert not Operator.objects.exists()


def test_each_demo_link_is_fresh_and_opens() -> None:
    data.load(datetime.now(UTC))
    first, second = (json.loads(call("demo_link")) for _ in range(2))
    assert first["payment_link"] != second["payment_link"]
    assert set(first) == {"payment_link", "admin_url", "admin_user", "inbox_url"}
    kari = data.customer(data.PRINTED_CUSTOMER)
    for places in (first, second):
        _, _, selector, rest = places["payment_link"].removeprefix("http://testserver").split("/")
        assert links.resolve(kari.operator, selector, rest, datetime.now(UTC)).customer_id == kari.pk


def test_demo_link_without_data_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="demo_load"):
        call("demo_link")
