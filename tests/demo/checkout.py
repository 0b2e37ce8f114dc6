"""A copy of the checkout in a folder of its own, to run the commands in without touching anybody's demo."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2]
PARTS = ("bin", "billing", "activation", "payportal", "templates", "static", "locale", "manage.py")
SERVICES = ("DATABASE_URL", "REDIS_URL")
START_SECONDS = 120.0


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """The first true answer of the condition; fails when none came in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return found


def is_running(pid: int) -> bool:
    """True for a process that exists and isn't one that ended and waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_ports() -> int:
    """The first of two neighbouring ports that nobody listens on."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def copy_to(target: Path) -> Path:
    """The files that the commands need, without .venv and state."""
    target.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in PARTS:
        if (SOURCE / name).is_dir():
            shutil.copytree(SOURCE / name, target / name, ignore=ignored)
        elif (SOURCE / name).exists():
            shutil.copy2(SOURCE / name, target / name)
    for path in SOURCE.glob("requirements*"):
        shutil.copy2(path, target / path.name)
    return target


@dataclass
class Demo:
    """``bin/demo``'s supervisor in a copy of the checkout."""

    checkout: Path
    port: int = field(default_factory=free_ports)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def output(self) -> str:
        return (self.checkout / "output").read_text()

    def facts(self) -> dict[str, Any]:
        """What demo.json says, or nothing when it isn't there."""
        try:
            return dict(json.loads((self.checkout / ".local/demo.json").read_text()))
        except FileNotFoundError:
            return {}

    def pids(self) -> dict[str, int]:
        return dict(self.facts().get("pids", {}))

    def start(self, *arguments: str) -> dict[str, Any]:
        """Start it and return demo.json once it is there."""
        self.launch(*arguments)
        return dict(wait_for(self._answer, "demo.json", START_SECONDS))

    def launch(self, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SERVICES}
        argv = [sys.executable, "-m", "payportal.demo.supervisor", "--port", str(self.port), *arguments]
        with (self.checkout / "output").open("wb") as output:
            self.process = subprocess.Popen(
                argv, cwd=self.checkout, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _answer(self) -> dict[str, Any]:
        assert self.process
        assert self.process.poll() is None, self.output
        facts = self.facts()
        return facts if facts.get("pids", {}).get("supervisor") == self.process.pid else {}

    def up(self) -> dict[str, Any]:
        """demo.json of the demo that runs; started if none does."""
        if self.process and self.process.poll() is None:
            return dict(wait_for(self._answer, "demo.json", START_SECONDS))
        return self.start()

    def wait(self, seconds: float = 40) -> int:
        assert self.process
        return self.process.wait(seconds)

    def stop(self) -> int:
        """Stop it if it runs; returns the exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def down(self) -> None:
        if self.process:
            self.stop()


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    """A demo in its own copy of the checkout; stopped and removed afterwards, what root keeps elsewhere too."""
    checkout = copy_to(folder / "checkout")
    running = Demo(checkout)
    try:
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.process.terminate()
            running.process.wait(40)
        code = "from payportal.demo import places; print(places.state_folder())"
        found = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
        shutil.rmtree(found.stdout.strip(), ignore_errors=True)
        shutil.rmtree(checkout, ignore_errors=True)
