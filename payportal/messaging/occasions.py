"""The occasions on which a customer is told something: what each is for, and when it may be said."""

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Purpose = Literal["debt", "service", "security", "offer"]
Opens = Literal["", "link", "receipt"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """One occasion. ``may_be_quiet``: nobody waits for it, so it respects quiet hours; ``opens``: what it leads to.

    Only an ``offer`` needs the customer's consent: everything else is about a debt, a purchase or a wish of theirs.
    """

    title: Promise
    purpose: Purpose
    may_be_quiet: bool = False
    counts_for_cap: bool = False
    opens: Opens = ""


OCCASIONS: dict[str, Occasion] = {
    "link": Occasion(_("A payment link"), "debt", opens="link"),
    "fresh_link": Occasion(_("A new link in place of one that ended"), "debt", opens="link"),
    "reminder": Occasion(_("A reminder of a bill"), "debt", may_be_quiet=True, counts_for_cap=True, opens="link"),
    "late_fee": Occasion(_("A fee was added to what is late"), "debt", may_be_quiet=True, opens="link"),
    "receipt": Occasion(_("A receipt"), "service", opens="receipt"),
    "on": Occasion(_("Something is switched on"), "service"),
    "again": Occasion(_("Something paused is on again"), "service"),
    "delayed": Occasion(_("Switching on takes longer"), "service"),
    "pin_code": Occasion(_("A one-time code"), "security"),
    "offer": Occasion(_("An offer"), "offer", may_be_quiet=True, counts_for_cap=True, opens="link"),
}
CAPPED = tuple(name for name, occasion in OCCASIONS.items() if occasion.counts_for_cap)
OPENING_LINK = tuple(name for name, occasion in OCCASIONS.items() if occasion.opens == "link")


def opens_link(name: str) -> bool:
    """Whether messages of this occasion lead to the payment page; an unknown occasion leads nowhere."""
    return name in OPENING_LINK
