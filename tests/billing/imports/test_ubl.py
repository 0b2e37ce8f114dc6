"""UBL invoices read: exactly, or refused with line and reason."""

from datetime import date
from pathlib import Path

import pytest

from billing.imports import ubl
from billing.imports.bills import FileRefused
from tests.billing.imports.samples import HEAD, UBL

SHARED = Path(__file__).resolve().parents[4] / "shared" / "invoices"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real-world invoices is not here")


def test_it_works() -> None:
    bill = ubl.read(UBL.encode())
    assert (bill.number, bill.currency, bill.amount, bill.vat_amount) == ("A-1", "NOK", 12503, 2501)
    assert (bill.issued_on, bill.due_on) == (date(2026, 11, 1), date(2026, 11, 15))
    assert (bill.period_start_on, bill.period_end_on) == (date(2026, 10, 1), date(2026, 10, 31))
    assert bill.seller.numbers == ("000000000",)
    assert (bill.buyer.account, bill.buyer.name) == ("30001", "Somebody (made up)")


def test_a_rates_tax_is_spread_over_its_lines_to_the_last_unit() -> None:
    bill = ubl.read(UBL.encode())
    assert [line.vat_amount for line in bill.lines] == [834, 833, 834]
    assert [line.amount for line in bill.lines] == [4168, 4167, 4168]
    assert all(line.vat_rate == 2500 for line in bill.lines)


@pytest.mark.parametrize(
    "total, weights, shares",
    [
        (100, [1, 1, 1], [33, 34, 33]),
        (-7, [5, -12], [5, -12]),
        (5, [3, -3], [5, 0]),
        (0, [], [0]),
        (1, [0, 0, 9], [0, 0, 1]),
    ],
)
def test_spreading_loses_and_adds_nothing(total: int, weights: list[int], shares: list[int]) -> None:
    assert ubl._spread(total, weights) == shares
    assert sum(shares) == total


@needs_shared
@pytest.mark.parametrize(
    "name, number, currency, amount, vat, lines",
    [
        ("telephony-bill.xml", "2007-99123", "SEK", 103900, 20776, 13),
        ("norwegian-example.xml", "TOSL108", "NOK", 80200, 36528, 9),
        ("peppol-base-example.xml", "Snippet1", "EUR", 165625, 33125, 3),
        ("en16931-guide-example-1.xml", "12115118", "EUR", 25033, 2073, 20),
    ],
)
def test_real_invoices_are_read(name: str, number: str, currency: str, amount: int, vat: int, lines: int) -> None:
    bill = ubl.read((SHARED / name).read_bytes())
    assert (bill.number, bill.currency, bill.amount, bill.vat_amount) == (number, currency, amount, vat)
    assert len(bill.lines) == lines
    assert sum(line.amount for line in bill.lines) == amount


@needs_shared
def test_a_real_credit_note_is_refused_as_what_it_is() -> None:
    with pytest.raises(FileRefused, match="line 17: this is a credit note"):
        ubl.read((SHARED / "credit-note.xml").read_bytes())


def test_document_level_allowance_prepaid_and_rounding_become_lines() -> None:
    text = (
        UBL.replace(
            "<cac:TaxTotal>",
            """<cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator>
<cbc:AllowanceChargeReason>Rebate</cbc:AllowanceChargeReason><cbc:Amount currencyID="NOK">50.01</cbc:Amount>
<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>25</cbc:Percent></cac:TaxCategory></cac:AllowanceCharge>
<cac:TaxTotal>""",
        )
        .replace("100.02<", "50.01<")
        .replace("25.01<", "12.50<")
        .replace("125.03</cbc:TaxIn", "62.51</cbc:TaxIn")
        .replace(
            '<cbc:PayableAmount currencyID="NOK">125.03',
            """<cbc:PrepaidAmount currencyID="NOK">10</cbc:PrepaidAmount>
<cbc:PayableRoundingAmount currencyID="NOK">0.49</cbc:PayableRoundingAmount>
<cbc:PayableAmount currencyID="NOK">53""",
        )
    )
    bill = ubl.read(text.encode())
    assert bill.amount == 5300
    assert bill.vat_amount == 1250
    assert [line.amount for line in bill.lines[-2:]] == [-1000, 49]
    assert bill.lines[3].names == {"und": "Rebate"}
    assert bill.lines[3].amount < -5001


@pytest.mark.parametrize(
    "old, new, reason",
    [
        ("<cbc:ID>A-1</cbc:ID>\n", "", "ID is missing"),
        ("<cbc:ID>A-1<", "<cbc:ID> <", "line 5: ID is missing"),
        ("A-1", "A" * 65, "line 5: .*longer than 64"),
        ("2026-11-15", "2026-02-30", "line 7: there is no day 2026-02-30"),
        ("2026-11-15", "15.11.2026", "line 7: '15.11.2026' is not a date"),
        ("2026-11-15", "2026-10-31", "due before it was issued"),
        ("2026-11-15", "0026-10-31", "the year 26 can't be right"),
        ("<cbc:DueDate>2026-11-15</cbc:DueDate>", "", "no DueDate"),
        (">380<", ">381<", "line 8: a document of type '381'"),
        (">NOK<", ">XYZ<", "line 9: 'XYZ' is not a currency"),
        (">NOK<", ">nok<", "line 9: 'nok' is not a currency"),
        ('PayableAmount currencyID="NOK"', 'PayableAmount currencyID="EUR"', "an amount is in 'EUR', the bill in NOK"),
        (">125.03</cbc:Pay", ">125.04</cbc:Pay", "the lines sum to 125.03, the bill says 125.04"),
        (">125.03</cbc:TaxI", ">125.02</cbc:TaxI", "TaxInclusiveAmount should be 125.03, not 125.02"),
        (">100.02</cbc:TaxE", ">100.03</cbc:TaxE", "TaxExclusiveAmount should be 100.02, not 100.03"),
        (">100.02</cbc:Taxable", ">99.99</cbc:Taxable", "the lines of this rate sum to 100.02, the bill says 99.99"),
        (">25.01</cbc:TaxA", ">27.01</cbc:TaxA", "TaxInclusiveAmount|doesn't fit its rate"),
        (">33.34<", ">33.345<", "has more decimals than NOK has"),
        (">33.34<", ">3e1<", "'3e1' is not an amount"),
        (">33.34<", ">NaN<", "'NaN' is not an amount"),
        (">33.34<", ">٣٣.٣٤<", "is not an amount"),
        (">33.34<", ">" + "9" * 400 + "<", "is not an amount"),
        (
            "<cbc:Percent>25</cbc:Percent></cac:Cl",
            "<cbc:Percent>15</cbc:Percent></cac:Cl",
            "no tax subtotal for S 15 %",
        ),
        ("<cbc:Percent>25<", "<cbc:Percent>-25<", "is not a tax rate"),
        ("<cbc:ID>30001</cbc:ID>", "", "ID is missing|whose account"),
        ('<cbc:EndpointID schemeID="0192">000000000</cbc:EndpointID>\n', "", "doesn't say who issued it"),
        ("30001", "\u200b" + "3" * 3, "can't be printed"),
        ("Invoice-2", "Invoice-1", "line 2: this is not a UBL 2.1 invoice"),
    ],
)
def test_what_is_wrong_is_refused_with_a_reason(old: str, new: str, reason: str) -> None:
    assert old in UBL
    with pytest.raises(FileRefused, match=reason):
        ubl.read(UBL.replace(old, new).encode())


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
HOSTILE = {
    "billion laughs": HEAD.replace("<Invoice", BOMB + "<Invoice") + "<a>&b;</a></Invoice>",
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "entity over http": '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/e">]><x>&e;</x>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]><x/>',
    "external document type": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    "public document type": '<!DOCTYPE x PUBLIC "-//X//Y" "http://127.0.0.1:9/x.dtd"><x/>',
    "bare document type": "<!DOCTYPE x><x/>",
    "undeclared entity": HEAD + "<a>&nosuch;</a></Invoice>",
    "too deep": HEAD + "<a>" * 50_000 + "</a>" * 50_000 + "</Invoice>",
    "too many": HEAD + "<a/>" * 200_001 + "</Invoice>",
    "cut off": UBL[:1000],
    "two roots": UBL + "<x/>",
    "text after": UBL + "x",
    "unknown prefix": "<a:b/>",
    "attribute twice": '<x a="1" a="2"/>',
    "unknown encoding": '<?xml version="1.0" encoding="x-no-such"?><x/>',
    "encoding that is none": '<?xml version="1.0" encoding="base64"?><x/>',
    "utf-7": '<?xml version="1.0" encoding="utf-7"?>+ADw-x/+AD4-',
    "nul": "<x>\0</x>",
    "control character": "<x>\x08</x>",
    "character reference to nothing": "<x>&#0;</x>",
    "style sheet": '<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?><x/>',
    "include": '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>',
    "html": "<html><body>log in</body></html>",
    "lone angle": "<",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_xml_is_refused_with_a_line(text: str) -> None:
    """CASES attack 15."""
    with pytest.raises(FileRefused) as refusal:
        ubl.read(text.encode())
    assert refusal.value.line >= 1
    assert "root:" not in refusal.value.reason


def test_a_broken_utf8_sequence_is_refused() -> None:
    with pytest.raises(FileRefused):
        ubl.read(UBL.encode().replace(b"Line 1", b"Line \xff\xfe"))


def test_utf16_and_a_byte_order_mark_are_read() -> None:
    assert ubl.read(UBL.replace("UTF-8", "UTF-16").encode("utf-16")).number == "A-1"
    assert ubl.read(b"\xef\xbb\xbf" + UBL.encode()).number == "A-1"


@pytest.mark.parametrize("evil", ["&lt;script&gt;alert(1)&lt;/script&gt;", "=1+1", "line\none", "\u202egnp.exe"])
def test_names_become_one_printable_line_and_stay_text(evil: str) -> None:
    bill = ubl.read(UBL.replace("Line 1", evil).encode())
    assert bill.lines[0].names["und"].isprintable()
