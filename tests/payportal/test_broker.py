"""A worker's places and connection when the broker goes away for a while, by the very calls that Celery makes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from kombu import Connection, Consumer, Exchange, Message, Queue

from payportal.broker import Transport
from payportal.celery import app

TIMEOUT = 0.5
PLACES = 2
QUEUE = Queue("places", Exchange("places"), routing_key="places")


class Way:
    """The way to Valkey, by TCP: it can be blocked, so that nothing arrives, and cut for good."""

    def __init__(self, url: str) -> None:
        self.path = urlsplit(url).path
        self.is_free = threading.Event()
        self.is_free.set()
        self.ends: list[socket.socket] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        # The same of Valkey's databases that the test looks into.
        number = parse_qs(urlsplit(url).query).get("db", ["0"])[0]
        self.url = f"redis://127.0.0.1:{self.server.getsockname()[1]}/{number}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.is_free.set()
        for end in (self.server, *self.ends):
            # A thread that waits in it is woken by this and not by close.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.server.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.path)
                self.ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while some := one.recv(65536):
                self.is_free.wait()
                other.sendall(some)


@pytest.fixture
def way(valkey_url: str) -> Iterator[Way]:
    if urlsplit(valkey_url).scheme != "unix":
        pytest.skip("REDIS_URL names a Valkey of its own")
    # What another test left unacknowledged would be given out again here.
    with redis.Redis.from_url(valkey_url) as valkey:
        valkey.delete("unacked", "unacked_index", "places")
    way = Way(valkey_url)
    yield way
    way.cut()


@contextmanager
def worker(way: Way) -> Iterator[tuple[Connection, Any, list[Message]]]:
    """A connection as Celery's: two places, one message taken, waiting for another; and what it has taken."""
    taken: list[Message] = []
    connection = Connection(way.url, transport_options={"socket_timeout": TIMEOUT})
    channel = connection.default_channel
    channel.basic_qos(0, PLACES, False)
    Consumer(channel, [QUEUE], on_message=taken.append).consume()
    connection.Producer().publish("task", exchange=QUEUE.exchange, routing_key="places", declare=[QUEUE])
    connection.drain_events(timeout=10)
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.1)
    assert len(taken) == 1
    try:
        yield connection, channel, taken
    finally:
        with suppress(*connection.connection_errors):
            connection.close()


def held(channel: Any) -> int:
    return len(channel.qos._delivered) - len(channel.qos._dirty)


def unacknowledged(url: str) -> int:
    with redis.Redis.from_url(url) as valkey:
        return int(valkey.hlen("unacked"))


def test_every_process_that_loads_the_application_speaks_by_it(valkey_url: str) -> None:
    for connection in (app.connection_for_read(), app.connection_for_write(), Connection("rediss://example.com")):
        assert isinstance(connection.transport, Transport)
        connection.release()


def test_it_works(way: Way, valkey_url: str) -> None:
    with worker(way) as (_, channel, [message]):
        assert held(channel) == 1
        message.ack()
        assert held(channel) == 0
        assert unacknowledged(valkey_url) == 0


def test_a_task_that_is_rejected_is_given_out_again(way: Way) -> None:
    with worker(way) as (connection, channel, taken):
        taken[0].reject(requeue=True)
        assert held(channel) == 0
        connection.drain_events(timeout=10)
        assert len(taken) == 2


@pytest.mark.parametrize("end", ["ack", "reject"])
def test_a_place_is_free_again_when_the_broker_did_not_answer(way: Way, valkey_url: str, end: str) -> None:
    """Celery logs it and goes on."""
    with worker(way) as (connection, channel, [message]):
        way.is_free.clear()
        with pytest.raises(connection.connection_errors):
            getattr(message, end)()
        assert held(channel) == 0


def test_a_connection_that_is_lost_with_a_task_in_hand_is_closed_in_peace(way: Way, valkey_url: str) -> None:
    """As Celery's ``collect`` leaves it when another channel can't be closed. The task ends later."""
    with worker(way) as (connection, channel, [message]):
        lost = connection.connection_errors
        way.cut()
        connection._do_close_transport()
        with suppress(*lost):
            channel.close()
        channel.close()
        message.ack()
        # Given out again by the broker, when it has waited long enough.
        assert unacknowledged(valkey_url) == 1
