"""What was bought for a time, ended on time: rows for the workers, found by the sweep."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from activation import fulfilment, waking
from activation.models import Activation, ActivationJob

BATCH = 500


def end_due(now: datetime) -> int:
    """Have everything ended whose time is up; how many that began. At most BATCH at a time, the latest first."""
    is_ending = ActivationJob.objects.filter(activation=OuterRef("pk"), kind=ActivationJob.Kind.END)
    over = (
        Activation.objects.filter(status=Activation.Status.ACTIVE, ends_at__lte=now)
        .filter(~Exists(is_ending))
        .select_related("device")
        .order_by("ends_at", "pk")
    )
    jobs = [
        fulfilment.job_for(activation, ActivationJob.Kind.END, f"end-{activation.reference}", now)
        for activation in over[:BATCH]
    ]
    keys = [job.idempotency_key for job in jobs]
    with transaction.atomic():
        had = ActivationJob.objects.filter(idempotency_key__in=keys).count()
        # Two sweeps at once: the unique key lets one row through.
        ActivationJob.objects.bulk_create(jobs, ignore_conflicts=True)
        waiting = ActivationJob.objects.filter(idempotency_key__in=keys).values_list("pk", flat=True)
        ids = list(waiting)
        waking.wake(ids)
    return len(ids) - had
