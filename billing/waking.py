"""Waking workers: a hint and no more, for the sweeps find whatever a broker lost (law 9).

A broker that is down costs a process less than a second, once every few seconds, and never an error. Kombu's own way
costs six seconds each time: its retries count from a connection that was refused, and Celery's settings for
publishing do not reach them.
"""

import time
from datetime import timedelta
from threading import local
from typing import Any

import structlog
from celery import current_app, uuid
from django.db import transaction
from kombu import Producer

log = structlog.get_logger(__name__)

BROKER_SECONDS = 0.4
# After a failure nobody is made to wait again for so long.
SILENCE_SECONDS = 5.0

_mine = local()


def on_commit(task_name: str, *args: Any, delay: timedelta = timedelta(0)) -> None:
    """Send a task once the open transaction has committed. Ids and codes only, never a person or a secret.

    A broker that is down is logged; it never fails the caller, nor the hooks after this one.
    """

    def tell() -> None:
        wake(task_name, *args, delay=delay)

    transaction.on_commit(tell)


def wake(task_name: str, *args: Any, delay: timedelta = timedelta(0)) -> bool:
    """Send a task now; False when the broker did not take it. Never raises.

    By name: a web process has imported no tasks, and Celery finds them only in its workers.
    """
    if time.monotonic() < getattr(_mine, "silent_until", 0.0):
        return False
    try:
        _send(_producer(), task_name, args, delay.total_seconds() or None)
    except Exception as error:  # whatever the broker's client raises: a hint is not worth an error
        _mine.silent_until = time.monotonic() + SILENCE_SECONDS
        _close()
        log.warning("not_woken", task=task_name, error=type(error).__name__)
        return False
    return True


def forget() -> None:
    """Begin anew: no connection, no grudge."""
    _close()
    _mine.silent_until = 0.0


def _send(producer: Producer, task_name: str, args: tuple[Any, ...], seconds: float | None) -> None:
    """What ``Celery.send_task`` does for a task without routes, result or parent, in two thirds of its time.

    A webhook is answered in 2 ms of computing, and this is a quarter of that. ``declare``: a list in Valkey needs no
    declaring.
    """
    amqp = current_app.amqp
    message = amqp.create_task_message(uuid(), task_name, args, {}, seconds, ignore_result=True)
    amqp.send_task_message(producer, task_name, message, declare=(), retry=False)


def _producer() -> Producer:
    """This thread's own, on a connection less patient than that of the workers."""
    if getattr(_mine, "producer", None) is None:
        options = dict(current_app.conf.broker_transport_options or {})
        options |= {
            "socket_timeout": BROKER_SECONDS,
            "socket_connect_timeout": BROKER_SECONDS,
            "retry_on_timeout": False,
            # Of kombu itself: by default it waits two seconds and tries again.
            "max_retries": 0,
        }
        _mine.broker = current_app.connection_for_write(transport_options=options, connect_timeout=BROKER_SECONDS)
        _mine.producer = current_app.amqp.Producer(_mine.broker, auto_declare=False)
    producer: Producer = _mine.producer
    return producer


def _close() -> None:
    broker, _mine.broker, _mine.producer = getattr(_mine, "broker", None), None, None
    if broker is not None:
        try:
            broker.release()
        except Exception:
            # It is gone already.
            log.debug("broker_gone")
