from django.db import models

from billing.models import Customer, Operator, Payment, PaymentLink


class Message(models.Model):
    """Something we tell a customer (TMF681: CommunicationMessage).

    The row comes first, then the send. It holds template and context; an address that opens something is made at the
    moment of sending and stored nowhere. ``reference`` names the occasion, so that it is told once.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        DELIVERED = "delivered"
        READ = "read"
        UNKNOWN = "unknown"
        FAILED = "failed"
        # Not said after all: paid meanwhile, opted out, capped. Nothing went out.
        WITHHELD = "withheld"

    # Handed over, as far as anybody knows for good.
    ARRIVING = (Status.SENT, Status.DELIVERED, Status.READ)
    # Receipts come in any order: later states win, and none is taken back but by the carrier's final failure. A receipt
    # may come for what we had to leave as failed, or were about to send again: that it arrived is a fact then.
    ALLOWED_FROM = {
        Status.SENDING: {Status.QUEUED},
        Status.SENT: {Status.SENDING, Status.UNKNOWN, Status.QUEUED, Status.FAILED},
        Status.DELIVERED: {Status.SENDING, Status.UNKNOWN, Status.QUEUED, Status.FAILED, Status.SENT},
        Status.READ: {Status.SENDING, Status.UNKNOWN, Status.QUEUED, Status.FAILED, Status.SENT, Status.DELIVERED},
        # From SENT and FAILED: finally failed at the carrier, and the operator has a second channel. From FAILED also
        # where nothing was ever sent, and a person has it tried again.
        Status.QUEUED: {Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.SENT, Status.FAILED},
        # Asked without an answer, it stays unknown.
        Status.UNKNOWN: {Status.SENDING, Status.UNKNOWN},
        Status.FAILED: {Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.SENT},
        Status.WITHHELD: {Status.QUEUED, Status.SENDING},
    }

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="messages")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="messages")
    link = models.ForeignKey(PaymentLink, models.PROTECT, null=True, blank=True, related_name="messages")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, blank=True, related_name="messages")
    reference = models.CharField(max_length=80, unique=True)
    template = models.SlugField(max_length=40)
    context = models.JSONField(default=dict)
    language = models.CharField(max_length=8)
    channel = models.SlugField()
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    tried_again_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person had it tried again after it had failed."
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    code = models.CharField(
        max_length=12, blank=True, help_text="Proves who sent it: the customer can look it up at /verify."
    )
    channel_reference = models.CharField(max_length=120, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operator", "code"], condition=~models.Q(code=""), name="message_code_once"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-created_at"], name="message_customer_newest"),
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(status__in=["queued", "sending", "unknown"]),
                name="message_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
