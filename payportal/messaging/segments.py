"""How long a text is as SMS: which alphabet it needs, and in how many parts it travels.

The default alphabet and its extension are those of 3GPP TS 23.038 (6.2.1), the parts those of TS 23.040 (9.2.3.24.1):
140 octets, of which six say which part it is where there are several.
"""

import re
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Behind an escape: two septets each.
EXTENSION = frozenset("\f^{}\\[~]|€")

# How much fits into a text of one part, and into each part of a longer one.
ROOM: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}

# What typographers use and the alphabet lacks; one of them would make the whole text more than twice as long.
_PLAINER = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u202f\u2007\u2009\u200a\u2002\u2003", " "),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•·∙", "-"),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad", None),
        "…": "...",
        "\t": " ",
    }
)

# Symbols of currencies (CLDR, in the languages of our texts) that the alphabet lacks, and their codes (ISO 4217).
_CODES = {"₪": "ILS", "₹": "INR", "₩": "KRW", "₱": "PHP", "₫": "VND"}
_SYMBOL = re.compile(f"([{''.join(_CODES)}])([0-9]?)")


@dataclass(frozen=True, slots=True)
class Size:
    """How long a text is: ``units`` are septets or 16-bit units, ``left`` those still free in the last part."""

    encoding: Encoding
    units: int
    segments: int
    left: int


def plain(text: str) -> str:
    """The text without typography that would need the longer alphabet; letters stay as they are.

    Sums say the currency's code in place of its symbol where that alone would be the reason: ``INR 35.00``.
    """
    text = text.translate(_PLAINER)
    coded = _SYMBOL.sub(_coded, text)
    return text if foreign(coded) else coded


def _coded(symbol: re.Match[str]) -> str:
    """A code of letters is set apart from the digits."""
    code = _CODES[symbol[1]]
    return f"{code} {symbol[2]}" if symbol[2] else code


def measure(text: str) -> Size:
    """The size of a text, exactly as it is sent. An empty one travels in one part too."""
    widths = _septets(text)
    encoding: Encoding = "GSM-7"
    if widths is None:
        encoding, widths = "UCS-2", [1 if ord(letter) < 0x10000 else 2 for letter in text]
    alone, each = ROOM[encoding]
    units = sum(widths)
    if units <= alone:
        return Size(encoding, units, 1, alone - units)
    segments, used = 1, 0
    for width in widths:
        # Neither an escape and its letter nor the halves of a surrogate pair are torn apart.
        if used + width > each:
            segments, used = segments + 1, 0
        used += width
    return Size(encoding, units, segments, each - used)


def foreign(text: str) -> str:
    """The letters that the default alphabet lacks, each once: what makes a text long."""
    return "".join(dict.fromkeys(letter for letter in text if letter not in BASIC | EXTENSION))


def _septets(text: str) -> list[int] | None:
    """How many septets each letter takes; None where one is in neither table."""
    widths = []
    for letter in text:
        if letter in BASIC:
            widths.append(1)
        elif letter in EXTENSION:
            widths.append(2)
        else:
            return None
    return widths
