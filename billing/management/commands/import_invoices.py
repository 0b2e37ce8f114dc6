from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing import imports
from billing.models import Operator


class Command(BaseCommand):
    """Takes in bills from files: each file whole or not at all, the others whatever becomes of one (docs/importing.md).

    Ends with exit code 1 when a file was refused.
    """

    help = "Take in bills from UBL 2.1 invoices (EN 16931, Peppol BIS 3) or CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--operator", metavar="CODE", help="whose bills these are, where the seller doesn't tell")
        parser.add_argument(
            "--known-only", action="store_true", help="refuse bills of unknown accounts and sellers, adding none"
        )

    def handle(self, *, files: list[Path], operator: str | None, known_only: bool, **options: Any) -> None:
        owner = _operator(operator)
        refused = 0
        for path in files:
            try:
                taken = imports.take(path, operator=owner, may_add=not known_only, now=timezone.now())
            except imports.FileRefused as error:
                refused += 1
                self.stderr.write(f"{path}: refused: {error}")
            else:
                self.stdout.write(f"{path}: {_said(taken)}")
        if refused:
            raise CommandError(f"{refused} of {len(files)} files refused; nothing of them was taken in")


def _operator(code: str | None) -> Operator | None:
    if code is None:
        return None
    try:
        return Operator.objects.get(code=code)
    except Operator.DoesNotExist:
        known = ", ".join(Operator.objects.order_by("code").values_list("code", flat=True))
        raise CommandError(f"there is no operator {code!r}; there are: {known or 'none'}") from None


def _said(taken: imports.Taken) -> str:
    shown = ", ".join(taken.accounts[:5]) + (" ..." if len(taken.accounts) > 5 else "")
    noun = "account" if len(taken.accounts) == 1 else "accounts"
    return f"{taken.added} added, {taken.known} there already ({noun} {shown})"
