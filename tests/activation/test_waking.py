"""Waking the workers is a hint: it costs little, and never an error."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis
from django.db import transaction

from activation import waking
from activation.models import ActivationJob
from billing import waking as broker
from tests.activation import made
from tests.activation.made import World


@pytest.fixture
def hanging() -> Iterator[str]:
    """A broker that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(20)
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def queued(url: str) -> list[list[int]]:
    """The ids that lie on the broker for the workers, oldest first."""
    client = redis.Redis.from_url(url)
    found = [json.loads(message)["headers"]["argsrepr"] for message in client.lrange("celery", 0, -1)]
    client.close()
    return [json.loads(text.strip("(),")) for text in reversed(found)]


def test_it_works(transactional_db: None, valkey_url: str) -> None:
    broker.forget()
    with transaction.atomic():
        waking.wake([7, 8])
        assert queued(valkey_url) == []
    assert queued(valkey_url) == [[7, 8]]


def test_nothing_is_said_when_the_transaction_is_undone(transactional_db: None, valkey_url: str) -> None:
    broker.forget()
    with transaction.atomic():
        waking.wake([7])
        transaction.set_rollback(True)
    waking.wake([])
    assert queued(valkey_url) == []


def test_a_paid_order_wakes_a_worker_with_ids_alone(world: World, valkey_url: str) -> None:
    """Attack 12: nothing personal in a task's arguments."""
    broker.forget()
    payment = world.buy(world.films)
    assert [job.pk for job in made.jobs_of(payment)] in queued(valkey_url)


def test_a_broker_that_is_gone_is_not_noticed(
    transactional_db: None, broker_at: Callable[[str], None], dead_broker: None
) -> None:
    """Fault 14: the hooks after ours still run."""
    ran: list[int] = []
    began = time.monotonic()
    with transaction.atomic():
        waking.wake([1])
        transaction.on_commit(lambda: ran.append(1))
    assert ran == [1]
    assert time.monotonic() - began < 1


def test_a_broker_that_hangs_costs_less_than_a_second_and_only_once(
    transactional_db: None, broker_at: Callable[[str], None], hanging: str
) -> None:
    broker_at(hanging)
    began = time.monotonic()
    for _ in range(20):
        with transaction.atomic():
            waking.wake([1])
    assert time.monotonic() - began < 1


def test_it_is_asked_again_after_a_while(valkey_url: str, dead_broker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import current_app

    assert not waking.send([1])
    monkeypatch.setattr(current_app.conf, "broker_write_url", None)
    monkeypatch.setattr(broker, "SILENCE_SECONDS", 0)
    assert not waking.send([2])  # still silent
    broker.forget()
    assert waking.send([3])
    assert queued(valkey_url) == [[3]]


def test_a_pause_is_kept_by_the_broker_too(world: World, valkey_url: str) -> None:
    broker.forget()
    assert broker.wake(waking.DRAIN, [5], delay=timedelta(seconds=30))
    client = redis.Redis.from_url(valkey_url)
    [message] = client.lrange("celery", 0, -1)
    client.close()
    assert json.loads(message)["headers"]["eta"]
    assert not ActivationJob.objects.exists()
