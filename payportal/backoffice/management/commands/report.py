"""``manage.py report payments --operator CODE --from DATE --to DATE [--out FILE]``: a finance report as CSV."""

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from billing import audit
from billing.models import Operator
from payportal.backoffice import reports
from payportal.backoffice.reports import csv
from payportal.backoffice.reports.base import BadSpan, Report, Span


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no date: write it as 2026-11-30") from None


class Command(BaseCommand):
    help = "Write a finance report as CSV; days are those of the operator's time zone, both ends included."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("report", choices=sorted(reports.REPORTS))
        parser.add_argument("--operator", required=True, help="The operator's code.")
        parser.add_argument("--from", dest="first", required=True, type=_day, help="The first day, as 2026-11-01.")
        parser.add_argument("--to", dest="last", required=True, type=_day, help="The last day, as 2026-11-30.")
        parser.add_argument("--out", type=Path, help="The file to write; without it, standard output.")

    def handle(self, *args: Any, **options: Any) -> None:
        operator = Operator.objects.filter(code=options["operator"]).first()
        if operator is None:
            known = ", ".join(Operator.objects.order_by("code").values_list("code", flat=True)) or "none yet"
            raise CommandError(f"no operator {options['operator']!r} (known: {known})")
        try:
            span = Span(options["first"], options["last"])
        except BadSpan as error:
            raise CommandError(f"bad span of days: {error}") from None
        wanted = reports.REPORTS[options["report"]](operator, span)
        audit.record(
            actor="system:report",
            verb=f"report-{wanted.code}",
            subject_reference=f"operator:{operator.code}",
            now=timezone.now(),
            reason=f"{span.first} {span.last}",
            operator=operator,
        )
        try:
            self._write(wanted, options["out"])
        except (OSError, DatabaseError) as error:
            raise CommandError(f"the report was not written: {error}") from error

    def _write(self, wanted: Report, out: Path | None) -> None:
        """To standard output, or whole to a file: a run that is cut off leaves the file as it was."""
        if out is None:
            for line in csv.lines(wanted):
                self.stdout.write(line, ending="")
            return
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.writelines(csv.lines(wanted))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(out)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
