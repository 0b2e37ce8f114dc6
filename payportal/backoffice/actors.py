"""Names for the actors of the audit trail: it keeps numbers only, people on the desk know each other by name."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.utils.translation import gettext as _


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """What to call each actor; one query, whatever their number."""
    actors = set(actors)
    numbers = {number for kind, _colon, number in (each.partition(":") for each in actors) if kind == "staff"}
    users = User.objects.filter(pk__in=[int(number) for number in numbers if number.isdecimal()])
    known = {f"staff:{pk}": username for pk, username in users.values_list("pk", "username")}
    return {each: known.get(each) or _plain(each) for each in actors}


def _plain(actor: str) -> str:
    kind, _colon, rest = actor.partition(":")
    if kind == "customer":
        return _("the customer")
    if kind == "system":
        return _("by itself (%(part)s)") % {"part": rest}
    return actor
