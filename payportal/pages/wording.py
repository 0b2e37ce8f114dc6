"""Dates, durations and states as people say them, in the language of the page."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, format_time
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# Babel's plain English is American; these pages write the day first.
_LOCALES = {"en": "en_GB"}


def locale_of(language: str) -> str:
    """The locale that formats a language's dates."""
    return _LOCALES.get(language, language.replace("-", "_"))


@lru_cache(maxsize=4096)
def day(on: date, language: str, *, near: int) -> str:
    """``28 November``; with its year when that is not ``near``."""
    if on.year == near:
        return str(format_skeleton("MMMMd", on, locale=locale_of(language)))
    return str(format_date(on, "long", locale=locale_of(language)))


@lru_cache(maxsize=4096)
def period(start: date, end: date, language: str, *, near: int) -> str:
    """``1–31 October``; with the year when that is not ``near``."""
    if start.year != end.year:
        return str(format_interval(start, end, "yMMMMd", locale=locale_of(language)))
    # CLDR has intervals with short names of months only (``d–d MMM``): the same, with the name in full.
    locale = Locale.parse(locale_of(language))
    patterns = locale.interval_formats["MMMd"]["d" if start.month == end.month else "M"]
    first, last = (pattern.replace("MMM", "MMMM") for pattern in patterns)
    days = format_date(start, first, locale=locale) + format_date(end, last, locale=locale)
    return days if start.year == near else f"{days} {start.year}"


def clock(at: datetime, time_zone: str, language: str) -> str:
    """``18:02`` where the operator is."""
    return str(format_time(at.astimezone(ZoneInfo(time_zone)), "short", locale=locale_of(language)))


def local_day(at: datetime, time_zone: str) -> date:
    """The calendar day where the operator is."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def moment(at: datetime, time_zone: str, language: str) -> str:
    """``22 November 2026 at 18:02`` where the operator is."""
    local = at.astimezone(ZoneInfo(time_zone))
    return _("%(day)s at %(time)s") % {
        "day": format_date(local, "long", locale=locale_of(language)),
        "time": format_time(local, "short", locale=locale_of(language)),
    }


def due(on: date, today: date, language: str) -> str:
    """``12 days overdue``, ``Due today``, ``Due 28 November``."""
    late = (today - on).days
    if late > 0:
        return ngettext("%(days)d day overdue", "%(days)d days overdue", late) % {"days": late}
    if late == 0:
        return _("Due today")
    return _("Due %(day)s") % {"day": day(on, language, near=today.year)}


def duration(days: int) -> str:
    """``for 3 days``: what stands behind a package's price."""
    return ngettext("for %(days)d day", "for %(days)d days", days) % {"days": days}


def paused(services: Sequence[tuple[str, bool]]) -> tuple[str, str] | None:
    """What is paused, and that it comes back; ``services`` are names and whether each is the television."""
    if not services:
        return None
    if len(services) > 1:
        return _("Some of your services are paused."), _("They come back by themselves when you have paid.")
    name, is_tv = services[0]
    fact = _("Your TV is paused.") if is_tv else _("%(name)s is paused.") % {"name": name}
    return fact, _("It comes back by itself when you have paid.")


def together(name: str, more: str) -> str:
    """``TV, living room``: with the comma of the language."""
    return _("%(name)s, %(more)s") % {"name": name, "more": more}


METHODS = {
    "apple_pay": "Apple Pay",
    "google_pay": "Google Pay",
    "link": "Link",
    "sepa_debit": "SEPA",
    "bacs_debit": "Bacs",
    "us_bank_account": "ACH",
    "klarna": "Klarna",
    "paypal": "PayPal",
}


# Money that a bank fetches from an account: that takes days, and may be refused after days (docs.stripe.com/payments,
# "Bank debits").
DEBITS = frozenset(
    {"sepa_debit", "bacs_debit", "us_bank_account", "acss_debit", "au_becs_debit", "nz_bank_account", "becs_debit"}
)


def method(code: str, last4: str) -> str:
    """``Apple Pay, card ending 4242``."""
    name = METHODS.get(code, "")
    if not last4:
        return name or (_("Bank card") if code == "card" else code.replace("_", " "))
    ending = _("card ending %(digits)s") % {"digits": last4}
    return together(name, ending) if name else ending[:1].upper() + ending[1:]
