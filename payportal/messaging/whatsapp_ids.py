"""How else WhatsApp may write a number: its ids (``wa_id``) are older than three countries' numbering plans.

An account keeps the id that it was registered with, so one number has two spellings: with and without the 1 behind
Mexico's 52, the 9 behind Argentina's 54, and the ninth digit of Brazil's mobiles. See GREEN-API, "Features of sending
and receiving messages to numbers of different countries" (green-api.com/en/docs/faq), and Zoko, "Inconsistencies for
Mobile Numbers and their WhatsApp IDs" (zoko.io/learning-article/whatsapp-id-brazil-mexico).

Brazil's mobiles began with 6, 7, 8 or 9 before the ninth digit came (Wikipedia, "Telephone numbers in Brazil"): eight
digits that begin lower are a land line, and with a 9 before them somebody else.
"""

import re

# Country, the digit that is there or not, and the rest; and whether today's numbering plan has that digit.
_PLANS = (
    (re.compile(r"\+(52)(1?)([2-9][0-9]{9})"), "1", False),
    (re.compile(r"\+(54)(9?)([1-3][0-9]{9})"), "9", True),
    (re.compile(r"\+(55[1-9]{2})(9?)([6-9][0-9]{7})"), "9", True),
)


def spellings(number: str) -> list[str]:
    """Every way of writing this number, that of today's numbering plan first; one for most countries."""
    for pattern, digit, has_digit in _PLANS:
        found = pattern.fullmatch(number)
        if found:
            country, _, rest = found.groups()
            both = [f"+{country}{rest}", f"+{country}{digit}{rest}"]
            return both[::-1] if has_digit else both
    return [number]
