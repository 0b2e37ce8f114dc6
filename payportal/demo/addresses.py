"""Which address the demo listens on, and which one its links carry."""

import errno
import ipaddress
import socket
from dataclasses import dataclass

from payportal.demo.children import DemoError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """``host`` is listened on, ``public_host`` stands in links; the stand-in for Stripe has the next port."""

    host: str
    public_host: str
    port: int

    @property
    def own_host(self) -> str:
        """How our own processes reach it."""
        return LOOPBACK if self.host in ("0.0.0.0", "::") else self.host

    @property
    def stripe_port(self) -> int:
        return self.port + 1


def in_url(host: str) -> str:
    """The host as a URL wants it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def choose(host: str, port: int) -> Address:
    """The address for ``--host`` and ``--port``; DemoError when it can't be listened on."""
    if not 1 <= port <= 65534:
        raise DemoError(f"--port {port}: choose one from 1 to 65534 (the next one is used too)")
    address = Address(host=host, public_host=_public(host), port=port)
    for number in (address.port, address.stripe_port):
        _check_free(host, number)
    return address


def _public(host: str) -> str:
    """What a phone can open: for "every address" (0.0.0.0) the one that leads to the network."""
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; 192.0.2.1 is an address for documentation (RFC 5737).
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return LOOPBACK


def is_open_to_network(host: str) -> bool:
    """True unless only this machine can reach it."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _check_free(host: str, port: int) -> None:
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise DemoError(f"--host {host}: no such address or name") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
            probe.listen(1)
        except OSError as error:
            raise DemoError(_refusal(error, host, port)) from None


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken: stop what listens there, or choose two free ports with "
            f"bin/demo --port N (N and N+1 are used)"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine: give one of its own ('ip addr' lists them)"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} may not be used by this user: choose one above 1023 with bin/demo --port N"
    return f"can't listen on {host} port {port}: {error.strerror}"
