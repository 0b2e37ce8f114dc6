"""Services that are off because a bill is overdue. Paying it brings them back (activation.fulfilment.restore)."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from activation.models import Activation
from billing import audit


def suspend(activation: Activation, now: datetime, *, actor: str = "system:activation") -> bool:
    """Keep that the operator's network has switched this off for arrears; False when it was not on.

    Who suspends and when is the operator's own dunning; this is where it is told to us.
    """
    allowed = Activation.ALLOWED_FROM[Activation.Status.SUSPENDED]
    with transaction.atomic():
        changed = Activation.objects.filter(pk=activation.pk, status__in=allowed, account__isnull=False).update(
            status=Activation.Status.SUSPENDED, suspension=F("suspension") + 1
        )
        if changed:
            audit.record(
                actor=actor,
                verb="suspend-service",
                subject_reference=f"service:{activation.reference}",
                now=now,
                operator=activation.customer.operator,
            )
    return bool(changed)
