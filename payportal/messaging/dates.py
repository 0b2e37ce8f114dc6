"""Days and times of the clock as a message says them, where the operator is."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from django.utils import timezone

# Where the number of the day is followed by a point.
_POINTED = ("nb", "nn", "no", "da", "de")


@lru_cache(maxsize=64)
def _locale(language: str) -> str:
    return language.replace("-", "_")


def local_day(at: datetime, zone: str) -> date:
    """The calendar day of that place."""
    return timezone.localtime(at, ZoneInfo(zone)).date()


def day(at: datetime, language: str, zone: str) -> str:
    """Day and month: ``22 December``, ``22. desember``."""
    return of_date(local_day(at, zone), language)


def of_date(on: date, language: str) -> str:
    """Day and month of a date: ``22 December``."""
    return _formatted(on, "MMMM", language)


def short(on: date, language: str) -> str:
    """Day and month with a short name: ``22 Dec``, ``22. des.``"""
    return _formatted(on, "MMM", language)


def clock(at: datetime, language: str, zone: str) -> str:
    """Hours and minutes of the clock."""
    return str(format_time(at, "HH:mm", tzinfo=ZoneInfo(zone), locale=_locale(language)))


def _formatted(on: date, month: str, language: str) -> str:
    pattern = f"d. {month}" if language in _POINTED else f"d {month}"
    return str(format_date(on, pattern, locale=_locale(language))).replace(" ", "\u00a0")
