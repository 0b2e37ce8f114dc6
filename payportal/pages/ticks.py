"""What a customer's form says: which bills and packages are ticked, and the sum that was shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import QueryDict

# bigint's largest number has 19 digits; no sum or key of ours comes near.
MAX_DIGITS = 18
MAX_TICKS = 100


class NotAForm(ValueError):
    """Something that no page of ours sends."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """The keys of what is ticked; ``amount_shown`` in minor units, None where the form doesn't say."""

    bills: frozenset[int]
    packages: frozenset[int]
    amount_shown: int | None = None


def read(data: QueryDict) -> Ticks:
    """The form's fields as numbers. Raises NotAForm, before any query, for anything else."""
    shown = data.get("amount_shown")
    return Ticks(
        bills=frozenset(_numbers(data.getlist("bill"))),
        packages=frozenset(_numbers(data.getlist("package"))),
        amount_shown=None if shown is None else _number(shown),
    )


def _numbers(texts: list[str]) -> Iterable[int]:
    if len(texts) > MAX_TICKS:
        raise NotAForm("too many ticks")
    return [_number(text) for text in texts]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise NotAForm("not a number")
    return int(text)
