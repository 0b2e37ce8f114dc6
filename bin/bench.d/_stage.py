"""What the benchmarks stand on: a migrated database, a stand-in for Stripe, and one gunicorn worker that serves both
payportal and the plain views it is compared with."""

import http.client
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
THREADS = 4
START_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Stage:
    """Where things are. ``folder`` is for logs and is gone afterwards."""

    folder: Path
    web_port: int
    stripe_port: int


@contextmanager
def set_up(*, with_stripe: bool) -> Iterator[Stage]:
    """Services of our own, Django, tables; no web process yet.

    What DATABASE_URL and REDIS_URL name is left alone: the benchmarks delete what they find.
    """
    from payportal.demo import embedded
    from tests import environment

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = Stage(folder, _free_port(), _free_port())
        os.environ.update(environment.FIXED)
        os.environ["SIMULATOR_STATE"] = str(folder / "network.jsonl")
        # Empty: static files come from where they are kept, as in the tests.
        (folder / "static").mkdir()
        os.environ["STATIC_ROOT"] = str(folder / "static")
        os.environ["DJANGO_SETTINGS_MODULE"] = "payportal.settings"
        if with_stripe:
            os.environ["STRIPE_API_BASE"] = f"http://127.0.0.1:{stage.stripe_port}"
        services = stack.enter_context(embedded.running())
        os.environ["DATABASE_URL"] = services.postgres.url()
        os.environ["REDIS_URL"] = services.valkey.url()
        import django

        django.setup()
        from django.core.management import call_command

        from payportal import catalogs

        catalogs.compile_all()
        call_command("migrate", verbosity=0)
        if with_stripe:
            port = str(stage.stripe_port)
            arguments = ["-m", "payportal.demo.stripe_standin", "--port", port]
            stack.enter_context(program(stage, "stripe", arguments))
            wait_until_answers(stage, stage.stripe_port, "/health")
        yield stage


@contextmanager
def web(stage: Stage) -> Iterator[int]:
    """One gunicorn worker with THREADS threads and as many pooled connections, serving ``_site``; its process id."""
    arguments = ["-m", "gunicorn", "--config", "python:payportal.demo.web", "_site:application"]
    settings = {"WEB_PORT": str(stage.web_port), "WEB_WORKERS": "1", "WEB_THREADS": str(THREADS)}
    with program(stage, "web", arguments, **settings, DB_POOL=str(THREADS)) as master:
        wait_until_answers(stage, stage.web_port, "/healthz")
        workers = Path(f"/proc/{master}/task/{master}/children")
        yield int(workers.read_text().split()[0]) if workers.exists() else 0


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far, its threads together; nothing where the system doesn't tell (no /proc).

    It says more than the clock on a machine that others use too, but leaves out what PostgreSQL computes.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # proc(5): utime and stime are fields 14 and 15, counted from 1; the first two are cut off here.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def program(stage: Stage, name: str, arguments: list[str], **settings: str) -> Iterator[int]:
    """A Python process that ends with us; its process id. What it says lies in the stage's folder."""
    from payportal.demo.children import Command, spawn, stop

    process = spawn(
        Command(
            name=name,
            argv=[sys.executable, *arguments],
            log=stage.folder / f"{name}.log",
            environment={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{HERE}", **settings},
            directory=CHECKOUT,
        )
    )
    try:
        yield process.pid
    finally:
        stop(process, signal.SIGTERM, STOP_SECONDS)


def wait_until_answers(stage: Stage, port: int, path: str) -> None:
    """Return once that path answers 200; SystemExit with the logs when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    sys.exit("\n".join(log.read_text() for log in stage.folder.glob("*.log")) + f"\nno answer from port {port}")


def machine() -> str:
    """What it was measured on, for the table."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    load = os.getloadavg()[0]
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} x {models[0] if models else 'unknown'}, Python {version}, load {load:.1f} before"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
