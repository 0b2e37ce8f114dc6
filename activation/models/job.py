from django.db import models
from django.db.models import Q

from activation.models.activation import Activation
from activation.models.order import OrderItem
from billing.models import Customer, Payment


class ActivationJob(models.Model):
    """One thing to be done in the operator's network, exactly once (TMF640: Service activation).

    Workers claim a row by a conditional UPDATE and hold it until ``claimed_until``; a worker that dies leaves a row
    that the next one takes up with the same ``idempotency_key``.
    """

    class Kind(models.TextChoices):
        ACTIVATE = "activate"
        RESTORE = "restore"
        END = "end"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        PARKED = "parked"

    ALLOWED_FROM = {
        Status.RUNNING: {Status.QUEUED, Status.RUNNING},
        Status.QUEUED: {Status.RUNNING, Status.PARKED},
        Status.DONE: {Status.RUNNING},
        Status.PARKED: {Status.RUNNING},
    }

    kind = models.CharField(max_length=16, choices=Kind)
    order_item = models.ForeignKey(OrderItem, models.PROTECT, null=True, blank=True, related_name="jobs")
    activation = models.ForeignKey(Activation, models.PROTECT, null=True, blank=True, related_name="jobs")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, blank=True, related_name="activation_jobs")
    idempotency_key = models.CharField(max_length=80, unique=True)
    request = models.JSONField(default=dict, help_text="What the network is asked for, the same at every try.")
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    run_after = models.DateTimeField(help_text="Nobody takes it up before; while it runs, the end of its lease.")
    claimed_until = models.DateTimeField(null=True, blank=True)
    # Which claim this is: a worker that was thought dead can't finish what another has taken over.
    claim = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order_item"], condition=Q(kind="activate"), name="activationjob_one_per_item"
            ),
            models.CheckConstraint(
                condition=Q(kind="activate", order_item__isnull=False)
                | Q(kind__in=["restore", "end"], activation__isnull=False),
                name="activationjob_has_subject",
            ),
        ]
        indexes = [
            models.Index(
                fields=["run_after"], condition=Q(status__in=["queued", "running"]), name="activationjob_waiting"
            ),
            models.Index(fields=["done_at"], condition=Q(status="done"), name="activationjob_done"),
        ]

    @property
    def customer(self) -> Customer:
        """Whose service it is about."""
        if self.order_item:
            return self.order_item.order.customer
        assert self.activation is not None  # activationjob_has_subject
        return self.activation.customer

    def __str__(self) -> str:
        return self.idempotency_key
