"""The demo's phone: where the outbox channel puts its messages."""

from django.utils import timezone

from payportal.demo.models import OutboxMessage
from payportal.messaging.channels.base import Outgoing


class DemoPhone:
    """Keeps what was sent in a table that only the demo and the tests have."""

    def put(self, message: Outgoing) -> None:
        row = OutboxMessage(
            reference=message.reference,
            to=message.to,
            sender=message.sender,
            body=message.body,
            address_label=message.address_label,
            language=message.language,
            received_at=timezone.now(),
        )
        OutboxMessage.objects.bulk_create([row], ignore_conflicts=True)

    def holds(self, reference: str) -> bool:
        return OutboxMessage.objects.filter(reference=reference).exists()
