"""How long a text is as SMS, by the tables of 3GPP TS 23.038 and the parts of TS 23.040."""

import pytest
from babel import Locale
from babel.numbers import list_currencies
from hypothesis import given
from hypothesis import strategies as st

from billing.lib.money import format_money
from payportal.messaging.segments import BASIC, EXTENSION, Size, measure, plain


@pytest.mark.parametrize(
    "text, size",
    [
        ("", Size("GSM-7", 0, 1, 160)),
        ("a" * 160, Size("GSM-7", 160, 1, 0)),
        ("a" * 161, Size("GSM-7", 161, 2, 145)),
        ("a" * 306, Size("GSM-7", 306, 2, 0)),
        ("a" * 307, Size("GSM-7", 307, 3, 152)),
        ("€" * 80, Size("GSM-7", 160, 1, 0)),
        ("Ære være fjord, ÅØÄÖÜ £¥ ¡¿ Δ_", Size("GSM-7", 30, 1, 130)),
        ("[]{}\\^~|€", Size("GSM-7", 18, 1, 142)),
        ("\n\r", Size("GSM-7", 2, 1, 158)),
        ("ç", Size("UCS-2", 1, 1, 69)),
        ("`", Size("UCS-2", 1, 1, 69)),
        ("م" * 70, Size("UCS-2", 70, 1, 0)),
        ("م" * 71, Size("UCS-2", 71, 2, 63)),
        ("م" * 135, Size("UCS-2", 135, 3, 66)),
        ("😀" * 35, Size("UCS-2", 70, 1, 0)),
        ("😀", Size("UCS-2", 2, 1, 68)),
    ],
)
def test_it_works(text: str, size: Size) -> None:
    assert measure(text) == size


def test_nothing_of_two_units_is_torn_apart() -> None:
    assert measure("a" * 152 + "€" + "a" * 10).segments == 2
    # 152 letters, the escape would be the last of the first part: it moves on, and the second is one shorter.
    assert measure("a" * 152 + "€" + "a" * 151) == Size("GSM-7", 305, 2, 0)
    assert measure("a" * 152 + "€" + "a" * 152) == Size("GSM-7", 306, 3, 152)
    assert measure("م" * 66 + "😀" + "م" * 66).segments == 3


def test_the_tables_are_whole() -> None:
    """128 places: one is the escape; and nine letters and a form feed behind it."""
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


def test_typography_becomes_plain_and_letters_stay() -> None:
    assert plain("NOK\u00a01\u202f047,00 – “Film”, it’s … •") == 'NOK 1 047,00 - "Film", it\'s ... -'
    assert plain("Čačak ç é مرحبا") == "Čačak ç é مرحبا"
    assert measure(plain("we’re on it – “soon”…")).encoding == "GSM-7"


@pytest.mark.parametrize(
    "text, said",
    [
        ("Total: ₹12,345.00.", "Total: INR 12,345.00."),
        ("₪5, ₩500, ₱1 and ₫9", "ILS 5, KRW 500, PHP 1 and VND 9"),
        ("12\u00a0345,00\u00a0₹", "12 345,00 INR"),
        ("-₹35", "-INR 35"),
        ("€35 £35 $35 ¥35", "€35 £35 $35 ¥35"),
    ],
)
def test_currencies_whose_symbol_the_alphabet_lacks_go_by_their_code(text: str, said: str) -> None:
    assert plain(text) == said
    assert measure(said).encoding == "GSM-7"


@pytest.mark.parametrize("text", ["مرحبا ₹35", "₹35 Čačak", "₹35 😀"])
def test_a_text_that_is_long_in_any_case_keeps_its_symbols(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("language", ["en", "nb"])
def test_no_currency_there_is_makes_an_sms_long(language: str) -> None:
    for currency in sorted(list_currencies(Locale("en"))):
        said = plain(f"Fee {format_money(1_234_500, currency, language)} from 5 Dec")
        assert measure(said).encoding == "GSM-7", said


@given(st.text(max_size=400))
def test_units_fill_the_parts_and_what_is_left_is_less_than_a_part(text: str) -> None:
    size = measure(text)
    alone, each = (160, 153) if size.encoding == "GSM-7" else (70, 67)
    assert (size.encoding == "GSM-7") == all(letter in BASIC | EXTENSION for letter in text)
    if size.segments == 1:
        assert size.units + size.left == alone
    else:
        assert size.units > alone
        # What a letter of two units left unused at the end of a part is at most one each.
        assert 0 <= size.segments * each - size.left - size.units < size.segments
        assert size.left < each
