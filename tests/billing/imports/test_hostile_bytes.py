"""Whatever the bytes: a bill whose parts sum, or a refusal with a reason; never another error."""

from hypothesis import given
from hypothesis import strategies as st

from billing.imports.bills import FileRefused
from billing.imports.taking import read
from billing.imports.ubl import _spread
from tests.billing.imports.samples import CSV, UBL

MARKS = [
    b"",
    b"<",
    b">",
    b"&",
    b"&amp;",
    b'"',
    b"\0",
    b"\xff",
    b"\r",
    b"\n",
    b",",
    b";",
    b"-",
    b"0",
    b"<cbc:ID>",
    b"</cbc:ID>",
]
WORDS = [b"9" * 30, b"1e9", b"NaN", b"NOK", b"JPY", b"2026-02-30", "ø".encode(), b"25", b"S", b"true"]
PIECES = st.sampled_from([*MARKS, *WORDS])


def readable_or_refused(data: bytes) -> None:
    try:
        bills = read(data)
    except FileRefused as refusal:
        reason, line = refusal.reason, refusal.line
        bills = []
    else:
        reason, line = "none", 0
    assert reason
    assert line >= 0
    for bill in bills:
        assert sum(line.amount for line in bill.lines) == bill.amount > 0
        assert bill.number
        assert bill.buyer.account
        assert bill.issued_on <= bill.due_on


@given(st.sampled_from([UBL.encode(), CSV.encode()]), st.data())
def test_altered_files(original: bytes, data: st.DataObject) -> None:
    changed = original
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(changed)))
        end = data.draw(st.integers(start, min(start + 40, len(changed))))
        changed = changed[:start] + data.draw(PIECES) + changed[end:]
    readable_or_refused(changed)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    readable_or_refused(data)


@given(st.text(max_size=200))
def test_any_text_after_a_good_header(text: str) -> None:
    readable_or_refused((CSV.partition("\n")[0] + "\n" + text).encode("utf-8", "surrogatepass"))


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=30))
def test_spreading_always_sums(total: int, weights: list[int]) -> None:
    shares = _spread(total, weights)
    assert sum(shares) == total
    assert len(shares) == len(weights)
