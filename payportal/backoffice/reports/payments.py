"""Payments by day: what the ledger says came in, where it went, and through which gateway account."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import BigIntegerField, Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils.translation import gettext_lazy as _

from billing import ledger
from billing.models import LedgerPosting
from payportal.backoffice.reports.base import Cell, Column, Report

CHUNK = 500
_AT_GATEWAY = Q(account__startswith="gateway:")
_BACK = Q(entry__kind__in=ledger.REFUND_KINDS)


class PaymentsByDay(Report):
    """One row for each day, currency and gateway account on which money moved.

    Computed from the ledger's postings, not from payments: a booking belongs to the day, in the operator's time zone,
    on which it was booked. ``received`` is what the gateway account was debited; ``to_bills`` and ``to_credit`` say
    where it went, and ``other`` is what went anywhere else, so that every row adds up by itself. ``refunded`` is what
    went back to payers, whenever they had paid: what the gateway holds grew by ``received`` less ``refunded``.
    """

    code = "payments"
    title = _("Payments by day")
    columns = (
        Column("day", _("Day")),
        Column("operator", _("Operator")),
        Column("gateway_account", _("Gateway account")),
        Column("currency", _("Currency")),
        Column("payments", _("Payments"), is_count=True),
        Column("received", _("Received"), is_amount=True),
        Column("to_bills", _("To bills"), is_amount=True),
        Column("to_credit", _("To credit"), is_amount=True),
        Column("other", _("Other"), is_amount=True),
        Column("refunded", _("Refunded"), is_amount=True),
    )

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        for row in self._grouped().iterator(chunk_size=CHUNK):
            other = row["received"] - row["to_bills"] - row["to_credit"]
            yield (
                row["day"].isoformat(),
                self.operator.code,
                row["gateway_account"],
                row["currency"],
                row["payments"],
                row["received"],
                row["to_bills"],
                row["to_credit"],
                other,
                row["refunded"],
            )

    def _grouped(self) -> QuerySet[LedgerPosting, Any]:
        """Postings of entries that moved money at a gateway, summed by day, gateway account and currency."""
        zone = ZoneInfo(self.operator.time_zone)
        # The index narrows by time with a day to spare on both sides; the day itself is PostgreSQL's word alone, so
        # nights on which clocks change can't fall between two calendars.
        around = datetime.combine(self.span.first, time.min, tzinfo=zone)
        until = datetime.combine(self.span.last, time.max, tzinfo=zone)
        return (
            LedgerPosting.objects.filter(
                entry__operator=self.operator,
                entry__booked_at__range=(around - timedelta(days=1), until + timedelta(days=1)),
                entry__payment__isnull=False,
            )
            .annotate(
                day=TruncDate("entry__booked_at", tzinfo=zone),
                gateway_account=F("entry__payment__gateway_account"),
            )
            .filter(day__gte=self.span.first, day__lte=self.span.last)
            .values("day", "gateway_account", "currency")
            .annotate(
                payments=Count("entry__payment", distinct=True, filter=_AT_GATEWAY & ~_BACK),
                received=_sum(_AT_GATEWAY & ~_BACK),
                to_bills=_sum(Q(account=ledger.RECEIVABLE) & ~_BACK, sign=-1),
                to_credit=_sum(Q(account=ledger.CREDIT) & ~_BACK, sign=-1),
                refunded=_sum(_AT_GATEWAY & _BACK, sign=-1),
            )
            .order_by("day", "gateway_account", "currency")
        )


def _sum(which: Q, sign: int = 1) -> Any:
    return Coalesce(Sum(F("amount") * sign, filter=which), 0, output_field=BigIntegerField())
