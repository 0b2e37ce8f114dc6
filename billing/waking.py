"""Waking workers: a hint and no more, for the sweeps find whatever a broker lost (law 9)."""

from typing import Any

import structlog
from celery import current_app
from django.db import transaction

log = structlog.get_logger(__name__)


def on_commit(task_name: str, *args: Any) -> None:
    """Send a task once the open transaction has committed. Ids and codes only, never a person or a secret.

    A broker that is down costs a second and is logged; it never fails the caller, nor the hooks after this one.
    """
    transaction.on_commit(lambda: wake(task_name, *args))


def wake(task_name: str, *args: Any) -> bool:
    """Send a task now; False when the broker did not take it."""
    try:
        current_app.tasks[task_name].apply_async(args, retry=False)
    except Exception as error:
        log.warning("not_woken", task=task_name, error=type(error).__name__)
        return False
    return True
