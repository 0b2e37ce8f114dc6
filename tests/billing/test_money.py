"""Amounts as files write them."""

import pytest

from billing.lib import money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("1047.00", "NOK", 104700), ("-3.5", "NOK", -350), ("+7", "NOK", 700), (".5", "NOK", 50), ("12", "JPY", 12)],
)
def test_a_plain_text_is_an_amount(text: str, currency: str, minor: int) -> None:
    assert money.parse_plain(f" {text} ", currency) == minor


@pytest.mark.parametrize(
    "text", ["", "1_000", "1e3", "1,000.00", "١٢", "NaN", "Infinity", "--1", "1.234", "1 000", "0x10", "1" * 17]
)
def test_what_is_not_exactly_an_amount_is_refused(text: str) -> None:
    with pytest.raises(money.NotMoney):
        money.parse_plain(text, "NOK")
