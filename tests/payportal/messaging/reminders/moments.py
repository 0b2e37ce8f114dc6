"""When it all happens."""

from datetime import date, datetime, time, timedelta

from tests.world import NOW

DAY = timedelta(days=1)
# A Monday; ten in the morning in Oslo is nine in UTC in winter.
DUE = date(2026, 12, 7)
TEN = datetime.combine(DUE, time(9), tzinfo=NOW.tzinfo)
