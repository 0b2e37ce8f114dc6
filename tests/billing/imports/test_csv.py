"""Bills as CSV: exactly, or refused with line and reason."""

import pytest

from billing.imports import csv
from billing.imports.bills import FileRefused, vat_within
from tests.billing.imports.samples import CSV


def test_it_works() -> None:
    first, second = csv.read(CSV.encode())
    assert (first.number, first.amount, first.vat_amount, first.buyer.customer) == ("B-1", 64800, 12960, "C1")
    assert [line.names["und"] for line in first.lines] == ["Broadband", "TV"]
    assert second.lines[0].names == {"und": "Mobile, 40 GB"}


def test_semicolons_crlf_quotes_blank_lines_and_a_byte_order_mark_are_read() -> None:
    text = (
        "\ufeff" + CSV.replace("Mobile, 40 GB", "Mobile").replace(",", ";").replace("\n", "\r\n") + "\r\n;;;;;;;;;;\r\n"
    )
    assert [bill.number for bill in csv.read(text.encode())] == ["B-1", "B-2"]


@pytest.mark.parametrize(
    "old, new, reason",
    [
        (",total,", ",", "line 1: columns are missing: total"),
        (",customer\n", ",colour\n", "line 1: unknown columns: colour"),
        (",customer\n", ",seller\n", "line 1: a column is there twice"),
        ("249.00,25,C1", "249.00,25", "line 3: there are 10 fields, the header has 11"),
        ("249.00,25,C1", "249.00,25,C2", "line 3: customer is another than in line 2"),
        ("249.00,25", "249.01,25", "line 2: the lines sum to 648.01, the bill says 648.00"),
        ("249.00,25", "249.001,25", "line 3: 249.001 has more decimals than NOK has"),
        ("249.00,25", '"249,00",25', "line 3: '249,00' is not an amount"),
        ("249.00,25", "249.00,25%", "line 3: '25%' is not a tax rate"),
        ("249.00,25", "249.00,101", "line 3: '101' is not a tax rate"),
        ("2026-11-20", "20/11/2026", "line 4: '20/11/2026' is not a date"),
        ("30002,B-2", ",B-2", "line 4: account is empty"),
        ('"Mobile, 40 GB"', '"Mobile, 40 GB', "not CSV|there are"),
        ('"Mobile, 40 GB"', '"Mobile" 40 GB', "line 4: not CSV"),
        ('"Mobile, 40 GB"', "x" * 1001, "line 4: a field is longer"),
        ('"Mobile, 40 GB"', "x\0y", "line 4: there is a NUL"),
        ('399.00,"Mobile, 40 GB",399.00', "-1.00,x,-1.00", "line 4: there is nothing to pay"),
        ('399.00,"Mobile, 40 GB",399.00', "0.00,x,0.00", "line 4: there is nothing to pay"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(old: str, new: str, reason: str) -> None:
    assert old in CSV
    with pytest.raises(FileRefused, match=reason):
        csv.read(CSV.replace(old, new, 1).encode())


def test_the_line_of_a_row_is_right_after_a_field_of_two_lines() -> None:
    text = CSV.replace("Broadband", '"Broad\nband"').replace("2026-11-20", "never")
    with pytest.raises(FileRefused, match="line 5: 'never'"):
        csv.read(text.encode())


def test_another_encoding_is_refused_with_its_line() -> None:
    with pytest.raises(FileRefused, match="line 3: not UTF-8"):
        csv.read(CSV.replace("TV", "Bredbånd").encode("latin-1"))


@pytest.mark.parametrize("text", ["\n", CSV.partition("\n")[0], "seller"])
def test_a_file_without_bills_is_refused(text: str) -> None:
    with pytest.raises(FileRefused):
        csv.read(text.encode())


@pytest.mark.parametrize(
    "amount, rate, vat", [(64800, 2500, 12960), (5890, 2000, 982), (3, 2000, 1), (-3, 2000, -1), (100, 0, 0)]
)
def test_vat_within_rounds_half_up(amount: int, rate: int, vat: int) -> None:
    assert vat_within(amount, rate) == vat


@pytest.mark.parametrize("currency, total, minor", [("JPY", "1500", 1500), ("KWD", "1.234", 1234)])
def test_currencies_without_and_with_three_decimals(currency: str, total: str, minor: int) -> None:
    text = CSV.splitlines()[0] + f"\n000000000,1,K-1,{currency},2026-11-01,2026-11-15,{total},Line,{total},0,\n"
    assert csv.read(text.encode())[0].amount == minor
