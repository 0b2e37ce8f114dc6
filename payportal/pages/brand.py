"""An operator's look: one colour, what is readable on it, and the block of CSS that says so."""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from django.utils.safestring import SafeString, mark_safe

from billing.models import Operator

# Below this WCAG luminance white is readable on a colour, above it black: 4.58:1 at least for every colour there is.
WHITE_BELOW = 0.179
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Brand:
    """What pages show of an operator. ``css`` is admitted by ``css_hash`` in the content security policy."""

    name: str
    color: str
    css: SafeString
    css_hash: str
    mark: str
    help_phone: str
    help_phone_shown: str


def of(operator: Operator) -> Brand:
    """The operator's brand; computed once for each set of values."""
    return _brand(operator.name, operator.brand_color, operator.mark, operator.help_phone)


@lru_cache(maxsize=512)
def _brand(name: str, color: str, mark: str, help_phone: str) -> Brand:
    css = f":root{{--brand:{color};--on-brand:{readable_on(color)}}}"
    return Brand(
        name=name,
        color=color,
        css=mark_safe(css),  # noqa: S308 (readable_on has checked it)
        css_hash=csp_hash(css),
        mark=mark,
        help_phone=help_phone,
        help_phone_shown=_shown(help_phone),
    )


def readable_on(color: str) -> str:
    """``#fff`` or ``#000``, whichever can be read on ``#rrggbb``. ValueError for anything else."""
    if not _COLOR.fullmatch(color):
        raise ValueError(f"{color!r} is no colour")
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return "#fff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < WHITE_BELOW else "#000"


def csp_hash(text: str) -> str:
    """How a content security policy names an inline block."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _linear(part: float) -> float:
    """One channel of sRGB as light (WCAG 2.2, relative luminance)."""
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _shown(phone: str) -> str:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
