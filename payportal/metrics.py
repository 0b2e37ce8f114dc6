"""Numbers for whoever watches: read from the rows at the moment of asking, so every process tells the same.

prometheus-client writes the format; nothing is counted in memory, since processes hold no state.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from activation.models import ActivationJob
from billing.models import Alarm, GatewayEvent, LinkEvent, Payment
from payportal.messaging.models import Handover, Message

ROWS = {
    "payments": (Payment.objects.filter(status__in=Payment.OPEN), "created_at"),
    "gateway_events": (GatewayEvent.objects.exclude(status=GatewayEvent.Status.PROCESSED), "received_at"),
    "activation_jobs": (ActivationJob.objects.exclude(status=ActivationJob.Status.DONE), "created_at"),
    "messages": (Message.objects.exclude(status__in=Message.ARRIVING), "created_at"),
}


# A link's way, step by step, and where it may end: from the timelines, by their index of kind and time.
STEPS = (
    *("made", "sent", "delivered", "read", "previewed", "opened", "in_app", "wallet_shown", "pay_tapped"),
    *("succeeded", "switched_on", "failed", "delayed", "undelivered", "withheld", "renewed", "refunded"),
    *("pin_asked", "pin_ok", "pin_wrong", "pin_locked"),
)


class Rows:
    """A collector over what is not finished: how many of each kind and status, and the age of the oldest."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        """One gauge of counts, one of ages in seconds, and what waits for a person."""
        counts = GaugeMetricFamily("payportal_unfinished", "Rows that are not finished.", labels=["kind", "status"])
        ages = GaugeMetricFamily("payportal_oldest_seconds", "Age of the oldest of them.", labels=["kind", "status"])
        for kind, (rows, since) in ROWS.items():
            for status, count, oldest in self._by_status(rows, since):
                counts.add_metric([kind, status], count)
                ages.add_metric([kind, status], (self.now - oldest).total_seconds())
        yield counts
        yield ages
        flagged = Payment.objects.exclude(needs_person="").count()
        yield GaugeMetricFamily("payportal_payments_for_a_person", "Payments on the work list.", value=flagged)
        yield self._alarms()
        yield self._handovers()
        yield self._steps()

    @staticmethod
    def _alarms() -> Metric:
        gauge = GaugeMetricFamily("payportal_open_alarms", "Alarms that nobody has closed.", labels=["kind"])
        found = Alarm.objects.filter(closed_at__isnull=True).order_by().values("kind").annotate(count=Count("pk"))
        for row in found:
            gauge.add_metric([row["kind"]], row["count"])
        return gauge

    def _handovers(self) -> Metric:
        """What became of a day's hand-overs, by channel: a carrier that fails is seen here before customers call."""
        gauge = GaugeMetricFamily(
            "payportal_handovers_of_a_day", "Messages given to carriers.", labels=["channel", "outcome"]
        )
        since = Handover.objects.filter(at__gt=self.now - timedelta(days=1)).order_by()
        for row in since.values("channel", "outcome").annotate(count=Count("pk")):
            gauge.add_metric([row["channel"], row["outcome"]], row["count"])
        return gauge

    def _steps(self) -> Metric:
        """How far links came within an hour: opened and never paid, or asked for a PIN and given up, is seen here."""
        gauge = GaugeMetricFamily("payportal_link_steps_of_an_hour", "Entries of links' timelines.", labels=["kind"])
        since = LinkEvent.objects.filter(kind__in=STEPS, at__gt=self.now - timedelta(hours=1)).order_by()
        for row in since.values("kind").annotate(count=Count("pk")):
            gauge.add_metric([row["kind"]], row["count"])
        return gauge

    @staticmethod
    def _by_status(rows: QuerySet, since: str) -> list[tuple[str, int, datetime]]:
        found = rows.order_by().values("status").annotate(count=Count("pk"), oldest=Min(since))
        return [(row["status"], row["count"], row["oldest"]) for row in found]


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers, for who has the token; 404 for everybody else, as if nothing were here."""
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not constant_time_compare(sent, settings.METRICS_TOKEN):
        return HttpResponse(status=404, headers={"Cache-Control": "no-store"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Rows(timezone.now()))
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )
