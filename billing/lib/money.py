"""Money as people read it. Inside the house it is an integer of minor units and an ISO 4217 currency, nothing else."""

import re
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, get_currency_precision, get_currency_symbol, parse_pattern

_PLAIN = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")


class NotMoney(ValueError):
    """A text that is no amount in this currency."""


@lru_cache(maxsize=256)
def exponent(currency: str) -> int:
    """How many decimals the currency has (ISO 4217): 2 for NOK, 0 for JPY, 3 for KWD."""
    return get_currency_precision(currency)


def to_decimal(amount: int, currency: str) -> Decimal:
    """The amount in whole units, exactly."""
    return Decimal(amount).scaleb(-exponent(currency))


def plain(amount: int, currency: str) -> str:
    """The amount in whole units with a point and all decimals, as files have it: ``-1047.00``."""
    digits = exponent(currency)
    return f"{to_decimal(amount, currency):.{digits}f}"


def parse_plain(text: str, currency: str) -> int:
    """Minor units of a plain decimal text (XML Schema's decimal). Raises NotMoney for anything else.

    Python's Decimal alone would take ``1_000``, ``1e3`` and the digits of every script.
    """
    if not _PLAIN.fullmatch(text.strip()):
        raise NotMoney(f"{text[:40]!r} is not an amount")
    value = Decimal(text.strip())
    if abs(value) > Decimal(10) ** 15:
        raise NotMoney(f"{text[:40]!r} is not an amount")
    minor = value.scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise NotMoney(f"{text[:40]} has more decimals than {currency} has")
    return int(minor)


@lru_cache(maxsize=64)
def _pattern(language: str) -> NumberPattern:
    return parse_pattern(_locale(language).currency_formats["standard"].pattern)


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    return Locale.parse(language.replace("-", "_"))


@lru_cache(maxsize=4096)
def format_money(amount: int, currency: str, language: str) -> str:
    """The amount as people of that language write it, with no-break spaces: ``NOK 1,047.00``, ``1 047,00 kr``."""
    before, digits, after = parts(amount, currency, language)
    return "\u00a0".join(filter(None, (before, digits, after))) if _is_spaced(currency, language) else before + digits


@lru_cache(maxsize=256)
def _is_spaced(currency: str, language: str) -> bool:
    """A code of letters is set apart from the digits; so is a symbol that follows them."""
    symbol = get_currency_symbol(currency, locale=_locale(language))
    return symbol[-1:].isalpha() or "\u00a4" in _pattern(language).suffix[0]


@lru_cache(maxsize=4096)
def parts(amount: int, currency: str, language: str) -> tuple[str, str, str]:
    """What stands before the digits, the digits, and what follows them: ``("NOK", "1,047.00", "")``."""
    locale = _locale(language)
    pattern = _pattern(language)
    symbol = get_currency_symbol(currency, locale=locale)
    number = parse_pattern("#,##0.00").apply(to_decimal(amount, currency), locale, currency=currency)
    if "\u00a4" in pattern.suffix[0]:
        return "", _no_break(number), symbol
    return symbol, _no_break(number), ""


def _no_break(text: str) -> str:
    return text.replace(" ", "\u00a0").replace("\u202f", "\u00a0")
