"""Waking a worker: a hint that costs a second at most and may get lost. The sweep is what guarantees."""

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)

DELIVER = "messaging.deliver"


def wake(message_id: int) -> None:
    """Have a message delivered once the open transaction is committed (at once where there is none)."""
    transaction.on_commit(lambda: _hint(message_id))


def _hint(message_id: int) -> None:
    """Whatever the broker does, the caller's work is committed already and must not notice.

    No ``robust=True`` in its place: Django 5.2 itself fails on a failing hook that has no ``__qualname__``.
    """
    try:
        # Imported here: the task imports messages.py, which imports this.
        from payportal.messaging.tasks import deliver

        deliver.apply_async(args=(message_id,), retry=False)
    except Exception as error:
        log.warning("wake_lost", task=DELIVER, message=message_id, error=type(error).__name__)
