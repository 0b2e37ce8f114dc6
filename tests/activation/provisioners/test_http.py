"""The HTTP adapter, against a real server that behaves badly."""

import socket
import time
from collections.abc import Iterator

import pytest

from activation.provisioners.base import (
    ProvisionerRefused,
    ProvisionerUnavailable,
    ProvisionerUnknown,
    ServiceOrder,
)
from activation.provisioners.http import HttpProvisioner
from activation.provisioners.simulator import Simulator
from tests.activation import network_server
from tests.activation.network_server import NetworkServer

ORDER = ServiceOrder("key-1", "activate", "films", "service-1", "box-1", 30)


@pytest.fixture
def server(network: Simulator) -> Iterator[NetworkServer]:
    with network_server.serving(network) as running:
        yield running


def provisioner(server: NetworkServer, timeout: float = 2) -> HttpProvisioner:
    return HttpProvisioner(server.url, token=network_server.TOKEN, timeout=timeout)


def answer(status: str, body: bytes, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + body


def test_the_key_and_the_token_go_along(server: NetworkServer) -> None:
    provisioner(server).switch(ORDER)
    [(method, path, headers)] = server.asked
    assert (method, path) == ("POST", "/net/service-orders")
    assert headers["Idempotency-Key"] == "key-1"
    assert headers["Authorization"] == f"Bearer {network_server.TOKEN}"


@pytest.mark.parametrize(
    "raw, error",
    [
        (answer("500 Oops", b""), ProvisionerUnknown),
        (answer("502 Bad Gateway", b"<html>"), ProvisionerUnknown),
        (answer("504 Gateway Timeout", b""), ProvisionerUnknown),
        (answer("409 Conflict", b'{"code": "in_flight"}'), ProvisionerUnknown),
        (answer("200 OK", b"<html>welcome"), ProvisionerUnknown),
        (answer("200 OK", b'{"state": "completed"', length=900), ProvisionerUnknown),
        (answer("200 OK", b'["completed"]'), ProvisionerUnknown),
        (answer("200 OK", b'{"state": "dancing"}'), ProvisionerUnknown),
        (answer("200 OK", b" " * 70_000 + b'{"state": "completed"}'), ProvisionerUnknown),
        (answer("302 Found", b""), ProvisionerUnknown),
        (b"this is not HTTP\r\n\r\n", ProvisionerUnknown),
        (b"", ProvisionerUnknown),
        (answer("503 Busy", b""), ProvisionerUnavailable),
        (answer("429 Too Many", b""), ProvisionerUnavailable),
        (answer("401 Who", b""), ProvisionerUnavailable),
        (answer("400 Bad", b'{"code": "bad_device"}'), ProvisionerRefused),
        (answer("404 Not Found", b'{"code": "unknown_service"}'), ProvisionerRefused),
        (answer("200 OK", b'{"state": "failed", "code": "no_signal"}'), ProvisionerRefused),
    ],
)
def test_every_bad_answer_has_its_error(server: NetworkServer, raw: bytes, error: type[Exception]) -> None:
    server.raw = raw
    with pytest.raises(error):
        provisioner(server).switch(ORDER)


def test_already_active_is_success(server: NetworkServer) -> None:
    server.raw = answer("409 Conflict", b'{"code": "already_active"}')
    assert provisioner(server).switch(ORDER).is_done


def test_a_strangers_404_does_not_mean_unknown(server: NetworkServer) -> None:
    server.raw = answer("404 Not Found", b"<html>nginx")
    with pytest.raises(ProvisionerUnavailable):
        provisioner(server).look_up("key-1")


def test_a_network_that_hangs_is_left_after_the_time_out(server: NetworkServer) -> None:
    server.hangs = True
    began = time.monotonic()
    with pytest.raises(ProvisionerUnknown):
        provisioner(server, timeout=0.3).switch(ORDER)
    assert time.monotonic() - began < 1.5


def test_nobody_there_means_that_nothing_was_done() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = taken.getsockname()[1]
        with pytest.raises(ProvisionerUnavailable):
            HttpProvisioner(f"http://127.0.0.1:{port}", timeout=1).switch(ORDER)


def test_what_was_answered_badly_is_not_repeated_in_the_error(server: NetworkServer) -> None:
    server.raw = answer("422 No", b'{"code": "Kari Nordmann +44 7700 900123"}')
    with pytest.raises(ProvisionerRefused) as caught:
        provisioner(server).switch(ORDER)
    assert str(caught.value) == "network answered 422"


@pytest.mark.parametrize("url", ["", "ftp://network.invalid", "network.invalid"])
def test_no_address_fails_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="PROVISIONER_URL"):
        HttpProvisioner(url)
