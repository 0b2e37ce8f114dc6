"""One payportal of real processes for all tests in this folder, and its database as the tests' own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection, connections
from django.utils import timezone

from payportal.demo import places
from tests.system.stack import Stack


@pytest.fixture(scope="package")
def processes(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: pytest.FixtureRequest) -> Iterator[Stack]:
    """Everything running, with the demo's operators loaded."""
    from payportal.demo import data

    if sys.platform != "linux":
        pytest.skip("processes are found and killed by way of /proc")
    with places.temporary_home() as home:
        stack = Stack(home, tmp_path_factory.mktemp("stack"))
        try:
            stack.start_services()
            with _database_of(stack, django_db_blocker):
                data.load(timezone.now())
            stack.start_programs()
            yield stack
        finally:
            stack.stop()


@pytest.fixture
def stack(processes: Stack, django_db_blocker: pytest.FixtureRequest) -> Iterator[Stack]:
    """All well at the beginning; this process reads and writes the same database."""
    with _database_of(processes, django_db_blocker):
        _calm(processes)
        log = processes.folder / "worker.log"
        before = log.stat().st_size
        yield processes
        _calm(processes)
        # It ends by itself after that, in its own time, and the next test would wait for nobody.
        assert b"Unrecoverable error" not in log.read_bytes()[before:], f"the worker fell: {log}"


def _calm(stack: Stack) -> None:
    """Everything runs, nobody misbehaves, and what a failed test left in the workers' hands is done."""
    from activation.models import ActivationJob
    from tests.system.story import until

    stack.mend()
    stack.stripe.mend()
    stack.network.set_switches()
    left = ActivationJob.objects.exclude(status__in=["done", "parked"])
    until(lambda: not left.exists(), "workers without work", 60)


class _database_of:
    """Points this process's connection at the stack's database, and back."""

    def __init__(self, stack: Stack, blocker: object) -> None:
        self.url = urlsplit(stack.postgres.url())
        self.blocker = blocker

    def __enter__(self) -> None:
        self.before = dict(connection.settings_dict)
        connections.close_all()
        connection.settings_dict.update(
            NAME=self.url.path.lstrip("/"),
            USER=self.url.username or "",
            HOST=parse_qs(self.url.query)["host"][0],
            PORT="",
            CONN_MAX_AGE=None,
        )
        self.blocker.unblock()  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        connections.close_all()
        connection.settings_dict.update(self.before)
        self.blocker.restore()  # type: ignore[attr-defined]
