"""Words in braces, like ``{total}``, in texts of ours and of operators: which there are, and how they are filled in.

There is nothing else to it: no attributes, no logic, no nesting. A line whose placeholders are all empty is left out,
so that one text serves a customer who owes and one who doesn't. What is filled in is text and is not looked at again.
"""

import re
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from payportal.messaging.occasions import OCCASIONS

_PLACE = re.compile(r"\{([a-z_]+)\}")
_BLANKS = re.compile(r"\n{3,}")


class UnknownPlaceholder(ValueError):
    """A text names something that its occasion doesn't have."""


MEANING: dict[str, Promise] = {
    "operator": _("the operator’s name"),
    "code": _("the code that proves who sent the message"),
    "verify": _("the address where that code can be checked"),
    "help": _("the operator’s help number"),
    "host": _("the host name of the operator’s pages"),
    "link": _("the address that the message opens"),
    "items": _("what is owed: by name or number in an SMS, as a list elsewhere"),
    "total": _("the sum of what is owed"),
    "when": _("when it is due: “Due 28 Nov”, “Due today”, “Was due 10 Nov”"),
    "ends": _("until when the link lasts"),
    "scan": _("how to use the picture, where the message comes with a QR code"),
    "amount": _("what was paid"),
    "service": _("what was switched on, paused or bought"),
    "until": _("until when it is on"),
    "fee": _("the fee"),
    "fee_on": _("the day from which the fee is charged"),
    "pin": _("the one-time code"),
}
EVERYWHERE = ("operator", "code", "verify", "help", "host")
_OWED = ("link", "items", "total", "when", "ends", "scan")
ALLOWED: dict[str, tuple[str, ...]] = {
    "link": (*EVERYWHERE, *_OWED),
    "fresh_link": (*EVERYWHERE, *_OWED),
    "reminder": (*EVERYWHERE, *_OWED, "fee", "fee_on"),
    "late_fee": (*EVERYWHERE, *_OWED, "fee"),
    "receipt": (*EVERYWHERE, "link", "amount"),
    "on": (*EVERYWHERE, "service", "until"),
    "again": (*EVERYWHERE, "service"),
    "delayed": (*EVERYWHERE, "service"),
    "pin_code": (*EVERYWHERE, "pin"),
    "offer": (*EVERYWHERE, "link", "ends", "scan"),
}
# A fee counts as announced once a reminder was delivered that could tell of it: no text may keep it back.
_NEEDED = {"pin_code": ("pin",), "reminder": ("fee", "fee_on"), "late_fee": ("fee",)}
# Secrets stay out of what a locked phone shows: subjects and the words on buttons.
NEVER_IN_HEADERS = frozenset({"link", "pin", "code", "items", "scan"})


def named(text: str) -> list[str]:
    """The placeholders of a text in the order in which they first come."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def unknown(text: str, occasion: str) -> list[str]:
    """What stands in braces and can't: names that the occasion doesn't have, and braces around anything else."""
    wrong = [f"{{{name}}}" for name in named(text) if name not in ALLOWED[occasion]]
    return wrong + sorted(set(re.findall(r"\{[^{}\n]*\}|[{}]", _PLACE.sub("", text))))


def required(occasion: str) -> tuple[str, ...]:
    """What a text of this occasion is worth nothing without; the code is in every message."""
    opened = ("link",) if OCCASIONS[occasion].opens else ()
    return (*opened, *_NEEDED.get(occasion, ()), "code")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in. Raises UnknownPlaceholder for one that has no value, not even empty."""
    lines = [filled for line in text.splitlines() if (filled := _line(line, values)) is not None]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def _line(line: str, values: Mapping[str, str]) -> str | None:
    names = _PLACE.findall(line)
    missing = [name for name in names if name not in values]
    if missing:
        raise UnknownPlaceholder(", ".join(missing))
    if names and not any(values[name] for name in names):
        return None
    return _PLACE.sub(lambda place: values[place[1]], line).rstrip()
