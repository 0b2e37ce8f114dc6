"""Finance's files: one class each, found by its code."""

from payportal.backoffice.reports.base import Report
from payportal.backoffice.reports.payments import PaymentsByDay

REPORTS: dict[str, type[Report]] = {report.code: report for report in (PaymentsByDay,)}
