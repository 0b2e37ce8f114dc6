"""Every run of the tests has a PostgreSQL and a Valkey of its own, so that several runs can go side by side.

They start before Django's settings are read (pytest-xdist's workers inherit their addresses) and are gone after the
run. Where DATABASE_URL and REDIS_URL are set, those are used instead.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from tests import environment

pytest_plugins = ["tests.fixtures"]
# A machine that others use may be slow at anything.
settings.register_profile("payportal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("payportal")
_RUNNING = ExitStack()


def _begin() -> None:
    """Set the environment and start what it doesn't name; runs once, when pytest reads this file."""
    # Set, not defaulted: whoever has keys of a real account in the environment must not test with them.
    os.environ.update(environment.FIXED)
    os.environ["DJANGO_SETTINGS_MODULE"] = "payportal.settings"
    # WhiteNoise looks there at its start and finds the files through the finders; it must be there, and empty.
    os.environ["STATIC_ROOT"] = _RUNNING.enter_context(TemporaryDirectory(prefix="payportal-static-"))
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        from payportal.demo import embedded

        services = _RUNNING.enter_context(embedded.running())
        os.environ.setdefault("DATABASE_URL", services.postgres.url())
        os.environ.setdefault("REDIS_URL", services.valkey.url())
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        # Number 0 is the run without workers; each worker has its own of Valkey's 16.
        number = int(worker.removeprefix("gw")) + 1
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].rpartition("db=0")[0] + f"db={number}"


_begin()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", default=False, help="run the slow tests too")


def pytest_configure(config: pytest.Config) -> None:
    import django

    django.setup()
    if getattr(config.option, "numprocesses", None):
        # The workers of pytest-xdist inherit this environment: with it, they would read the settings before they
        # come to this file and its change of REDIS_URL.
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_unconfigure(config: pytest.Config) -> None:
    _RUNNING.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the browser tests come last, and leave the slow ones out.

    The browser's event loop then runs beside no other test. Slow tests are deselected and not skipped: a skip is
    something to look into.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if config.getoption("--all"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture
def valkey_url() -> Iterator[str]:
    """The address of this run's Valkey, emptied before and after the test."""
    import redis

    url = os.environ["REDIS_URL"]
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The Chromium on this machine. Without one the test is skipped; where CI=true that is a failure."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found:
        return Path(found)
    if os.environ.get("CI") == "true":
        pytest.fail("no Chromium on this machine: apt-get install chromium")
    pytest.skip("no Chromium on this machine (apt-get install chromium)")


@pytest.fixture(scope="session")
def chromium_arguments() -> list[str]:
    """What Chromium is started with: it may run as root, and asks nobody outside this machine for anything."""
    return [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--disable-quic",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
    ]
