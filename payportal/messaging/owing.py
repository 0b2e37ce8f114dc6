"""What a customer owes, in the words of a message: plain kinds, sums and due dates, nothing that says who they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing import invoices
from billing.lib.money import format_money
from billing.lib.names import in_language
from billing.models import Invoice
from payportal.messaging import dates
from payportal.messaging.models import Message

# A list in a message ends here; the page has the rest.
LONGEST_LIST = 10


@dataclass(frozen=True, slots=True)
class Owing:
    """What is owed at one moment; every text is empty where nothing is."""

    # One bill by its name, several by their number.
    short: str = ""
    # The same, one bill by number too: for where the name is too long.
    number: str = ""
    # A line for each bill.
    lines: tuple[str, ...] = ()
    total: str = ""
    when: str = ""


def of(message: Message, now: datetime) -> Owing:
    """What the customer of a message owes in its link's currency, now and not when the message was written."""
    if message.link is None:
        return Owing()
    owed = invoices.owed(message.customer_id, message.link.currency).select_related("account")
    return in_words(list(owed), message.language, dates.local_day(now, message.operator.time_zone))


def in_words(bills: Sequence[Invoice], language: str, today: date) -> Owing:
    """These bills in words; the language must be the active one too. All of them are in one currency."""
    if not bills:
        return Owing()
    number = ngettext("%(count)d bill", "%(count)d bills", len(bills)) % {"count": len(bills)}
    lines = [_line(bill, language, today) for bill in bills[:LONGEST_LIST]]
    left = len(bills) - LONGEST_LIST
    if left > 0:
        lines.append(ngettext("and %(count)d more bill", "and %(count)d more bills", left) % {"count": left})
    return Owing(
        short=_name(bills[0], language) if len(bills) == 1 else number,
        number=number,
        lines=tuple(lines),
        total=format_money(sum(bill.amount_due for bill in bills), bills[0].currency, language),
        when=_when_all(bills, language, today),
    )


def _line(bill: Invoice, language: str, today: date) -> str:
    return _("%(name)s: %(amount)s, %(when)s") % {
        "name": _name(bill, language),
        "amount": format_money(bill.amount_due, bill.currency, language),
        "when": _within(when(bill.due_on, language, today)),
    }


def _name(bill: Invoice, language: str) -> str:
    return " ".join(in_language(bill.account.names, language).split()) or _("Bill")


def _when_all(bills: Sequence[Invoice], language: str, today: date) -> str:
    days = {bill.due_on for bill in bills}
    earliest = min(days)
    if len(days) == 1:
        return when(earliest, language, today)
    return _("First due %(day)s") % {"day": dates.short(earliest, language)}


def when(due_on: date, language: str, today: date) -> str:
    """``Due 28 Nov``, ``Due today``, ``Was due 10 Nov``."""
    if due_on == today:
        return _("Due today")
    day = {"day": dates.short(due_on, language)}
    return (_("Was due %(day)s") if due_on < today else _("Due %(day)s")) % day


def _within(phrase: str) -> str:
    """A phrase in the middle of a line."""
    return phrase[:1].lower() + phrase[1:]
