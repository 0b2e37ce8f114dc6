"""All of payportal as real processes on services of its own, any of which may be killed, stopped and started again.

Everything is kept by the demo's own means (``Kept``): what dies is buried with its whole group and started again.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from django.db import connections

from activation.provisioners.simulator import Simulator
from payportal.demo import embedded
from payportal.demo.children import Command
from payportal.demo.embedded import Postgres, Valkey
from payportal.demo.places import CHECKOUT, Home
from payportal.demo.stripe_standin import ApiKeys
from payportal.demo.upkeep import FIRST_DELAY, Kept, stop_together
from tests import environment
from tests.demo.checkout import free_ports, is_running, wait_for

WEB_THREADS = 4
WEB_WORKERS = 2
PROGRAMS = ("stripe", "web", "worker", "beat")
# Enough for a machine that does other things too.
START_SECONDS = 120.0
SWEEP_SECONDS = 1


class Stripe:
    """The stand-in in its own process, as a test outside sees it; quacks like a StandIn where a browser is played."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.keys = ApiKeys(environment.FIXED["STRIPE_SECRET_KEY"], environment.FIXED["STRIPE_PUBLISHABLE_KEY"])

    def ask(self, method: str, path: str, given: dict[str, Any] | None = None) -> Any:
        """Stripe's API (parameters in the address) or the stand-in's own addresses (JSON)."""
        how: dict[str, Any] = {"params": given} if path.startswith("/v1/") else {"json": given or {}}
        answer = requests.request(
            method, self.base_url + path, headers={"Authorization": f"Bearer {self.keys.secret}"}, timeout=30, **how
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def switch(self, **switches: object) -> None:
        """Misbehave from now on; not kept over a restart."""
        self.ask("POST", "/_standin/switches", switches)

    def fault(self, kind: str, method: str, path: str, seconds: float = 30.0) -> None:
        """The next request of that kind goes wrong in this way."""
        self.switch(faults=[{"kind": kind, "method": method, "path": path, "seconds": seconds}])

    def mend(self) -> None:
        self.ask("DELETE", "/_standin/switches")

    def took(self, payment_reference: str) -> list[int]:
        """The amounts of the charges that took money for a payment of ours."""
        return [
            charge["amount"]
            for intent in self.intents(payment_reference)
            for charge in self.ask("GET", "/v1/charges", {"payment_intent": intent, "limit": 100})["data"]
            if charge["paid"]
        ]

    def intents(self, payment_reference: str) -> list[str]:
        """The PaymentIntents that carry that reference of ours; looks at the newest hundred."""
        found = self.ask("GET", "/v1/payment_intents", {"limit": 100})["data"]
        return [intent["id"] for intent in found if intent["metadata"].get("payment") == payment_reference]

    def asked(self) -> list[str]:
        """The requests that came, as ``METHOD path``."""
        log = self.ask("GET", "/_standin/log")["requests"]
        return [f"{each['method']} {each['path']}" for each in log]


class Stack:
    """PostgreSQL, Valkey, stand-in, web, worker and beat, started and kept running."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.folder = folder
        self.postgres, self.valkey = Postgres(home, embedded.DURABLE), Valkey(home, fsync="everysec")
        self.web_port = free_ports()
        self.stripe = Stripe(f"http://127.0.0.1:{self.web_port + 1}")
        self.base = f"http://127.0.0.1:{self.web_port}"
        self.network = Simulator(folder / "network.jsonl")
        self.numbers = itertools.count(2)
        self.kept: dict[str, Kept] = {}

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ
        }
        return {
            **inherited,
            **environment.FIXED,
            "DJANGO_SETTINGS_MODULE": "payportal.settings",
            "PYTHONUNBUFFERED": "1",
            "C_FORCE_ROOT": "1",
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.valkey.url(),
            "STRIPE_API_BASE": self.stripe.base_url,
            "STRIPE_JS_URL": f"{self.stripe.base_url}/endive/stripe.js",
            "STRIPE_WEBHOOK_SECRET": environment.FIXED["STRIPE_WEBHOOK_SECRETS"],
            "SIMULATOR_STATE": str(self.network.state),
            "SWEEP_SECONDS": str(SWEEP_SECONDS),
            "PUBLIC_HOST": "127.0.0.1",
            "PUBLIC_PORT": str(self.web_port),
            "WEB_PORT": str(self.web_port),
            "WEB_WORKERS": str(WEB_WORKERS),
            "WEB_THREADS": str(WEB_THREADS),
        }

    def start_services(self) -> None:
        """PostgreSQL with our tables, and Valkey."""
        self.postgres.prepare()
        self.valkey.prepare()
        for server in (self.postgres, self.valkey):
            command = server.command(self.folder / f"{type(server).__name__.lower()}.log")
            self._keep(Kept(command, lambda pid, server=server: server.answers()))
        self.mend()
        self.postgres.make_database()
        self.manage("migrate", "--verbosity", "0")

    def start_programs(self) -> None:
        for name in PROGRAMS:
            self._keep(getattr(self, f"_{name}")())
        self.mend()

    def another(self, name: str) -> str:
        """A second process of that kind beside the first; its name."""
        made = f"{name}{next(self.numbers)}"
        self._keep(getattr(self, f"_{name}")(made))
        self.mend()
        return made

    def remove(self, name: str) -> None:
        """End one for good."""
        stop_together([self.kept.pop(name)], 10, lambda: False)

    def stop(self) -> None:
        services = [self.kept.pop(name) for name in ("postgres", "valkey") if name in self.kept]
        for family in (list(self.kept.values()), services):
            stop_together(family, 10, lambda: False)
        self.kept = {}

    def pid(self, name: str) -> int:
        pid = self.kept[name].pid
        assert pid is not None
        return pid

    def kill(self, name: str) -> None:
        """The process alone, with no chance to say goodbye; ``mend`` starts it again."""
        self.signal(name, signal.SIGKILL)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal that ends it, and return when it has."""
        os.kill(self.pid(name), number)
        # /proc calls a process dead while its threads still end; only then its sockets are closed.
        os.waitid(os.P_PID, self.pid(name), os.WEXITED | os.WNOWAIT)
        if name == "postgres":
            # Ours is as dead as everybody's.
            connections.close_all()

    def mend(self) -> None:
        """What the supervisor does: start again what died, until everything answers."""
        deadline = time.monotonic() + START_SECONDS
        for kept in self.kept.values():
            kept.delay = FIRST_DELAY
        while True:
            for kept in self.kept.values():
                kept.tend(time.monotonic())
            if all(kept.is_ready for kept in self.kept.values()):
                return
            assert time.monotonic() < deadline, f"silent: {self.silent()}"
            time.sleep(0.05)

    def silent(self) -> list[str]:
        return [kept.name for kept in self.kept.values() if not kept.is_ready]

    def manage(self, *arguments: str) -> str:
        """A command of ours, to its end; what it said."""
        process = self.begin(*arguments)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "manage.py", *arguments]
        return subprocess.Popen(
            argv, cwd=CHECKOUT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _keep(self, kept: Kept) -> None:
        self.kept[kept.name] = kept
        kept.start()

    def _web(self, name: str = "web") -> Kept:
        argv = ["gunicorn", "--config", "python:payportal.demo.web", "payportal.wsgi:application"]
        return Kept(self._module(name, argv, DB_POOL=str(WEB_THREADS)), self._answers(f"{self.base}/healthz"))

    def _worker(self, name: str = "worker") -> Kept:
        return self._celery(name, "worker")

    def _beat(self, name: str = "beat") -> Kept:
        return self._celery(name, "beat")

    def _stripe(self, name: str = "stripe") -> Kept:
        argv = ["payportal.demo.stripe_standin", "--port", str(self.web_port + 1)]
        argv += ["--journal", str(self.folder / "stripe.jsonl")]
        argv += ["--webhook-url", f"{self.base}/webhooks/stripe/default"]
        return Kept(self._module(name, argv), self._answers(f"{self.stripe.base_url}/health"))

    def _celery(self, name: str, kind: str) -> Kept:
        ready = self.folder / f"{name}.ready"
        command = self._module(name, ["payportal.demo.celery_child", kind], READY_FILE=str(ready))
        return Kept(command, lambda pid: ready.exists() and ready.read_text() == str(pid))

    def _module(self, name: str, arguments: list[str], **more: str) -> Command:
        return Command(
            name=name,
            argv=[sys.executable, "-m", *arguments],
            log=self.folder / f"{name}.log",
            environment={**self.environment, **more},
            directory=CHECKOUT,
        )

    def _answers(self, url: str) -> Callable[[int], bool]:
        def answers(pid: int) -> bool:
            try:
                return requests.get(url, timeout=2).status_code == 200
            except requests.RequestException:
                return False

        return answers


def kill(*pids: int) -> None:
    """Kill these, all at once, and return when they are dead; none may be a child of ours."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            # It died with its parent.
            continue
    wait_for(lambda: not any(is_running(pid) for pid in pids), "dead processes")


def children_of(pid: int) -> list[int]:
    """The processes that this one has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(entry.parent.name))
    return found
