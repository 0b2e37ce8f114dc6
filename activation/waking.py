"""Telling the workers that there is something to do: a hint after commit, never a promise (law 9).

A broker that is down costs the caller a second at the most, once in a while, and never an error: the sweep finds what
nobody was told of.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from threading import local

import structlog
from celery import current_app
from django.db import transaction
from kombu import Connection

log = structlog.get_logger(__name__)

BROKER_SECONDS = 0.4
# After a failure nobody is asked to wait again for so long.
SILENCE_SECONDS = 5.0

_mine = local()


def wake(job_ids: Sequence[int], *, delay: timedelta = timedelta(0)) -> None:
    """Have a worker drain these jobs once the open transaction has committed."""
    ids = list(job_ids)
    if not ids:
        return

    def tell() -> None:
        send(ids, delay)

    transaction.on_commit(tell)


def send(job_ids: Sequence[int], delay: timedelta = timedelta(0)) -> bool:
    """Put the ids on the broker now; False when it could not be reached. Never raises."""
    from activation.tasks import drain

    if time.monotonic() < getattr(_mine, "silent_until", 0.0):
        return False
    try:
        drain.apply_async((list(job_ids),), countdown=delay.total_seconds() or None, connection=_broker(), retry=False)
    except Exception as error:  # whatever the broker's client raises: a hint is not worth an error
        _mine.silent_until = time.monotonic() + SILENCE_SECONDS
        _drop()
        log.warning("wake_failed", error=type(error).__name__, jobs=len(job_ids))
        return False
    return True


def _broker() -> Connection:
    """This thread's own connection, less patient than that of the workers."""
    if getattr(_mine, "broker", None) is None:
        options = dict(current_app.conf.broker_transport_options or {})
        options |= {
            "socket_timeout": BROKER_SECONDS,
            "socket_connect_timeout": BROKER_SECONDS,
            "retry_on_timeout": False,
        }
        _mine.broker = current_app.connection_for_write(transport_options=options, connect_timeout=BROKER_SECONDS)
    return _mine.broker


def _drop() -> None:
    broker, _mine.broker = getattr(_mine, "broker", None), None
    if broker is not None:
        try:
            broker.release()
        except Exception:
            # It is gone already.
            log.debug("broker_gone")
