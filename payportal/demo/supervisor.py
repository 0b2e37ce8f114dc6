"""Starts everything the demo needs, keeps it running, and ends it: ``bin/demo`` is this.

usage: python -m payportal.demo.supervisor [--host ADDRESS] [--port N] [--fresh]

One process, one thread. Its children die with it (see ``children``), so even a ``kill -9`` leaves nothing behind.
"""

import argparse
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from payportal.demo import addresses, announcement, configuration, family, places
from payportal.demo.addresses import Address
from payportal.demo.children import Command, DemoError, last_line, spawn, stop
from payportal.demo.upkeep import Kept, check_first_start, stop_together

LOCAL = places.LOCAL
NEEDED_MEGABYTES = 300
# A first start makes a cluster, migrates and loads; on a slow disk that takes a while.
SETUP_SECONDS = 300.0
READY_SECONDS = 120.0
STOP_SECONDS = 8.0
SERVICES_STOP_SECONDS = 15.0
LEFTOVER_SECONDS = 20.0
LONGEST_LOG = 5_000_000
# What tells others about a demo that runs, and is gone when it is.
ANNOUNCED = (LOCAL / "demo.json", LOCAL / "environment.json")


class Stopped(Exception):
    """Somebody asked us to stop: Ctrl-C, SIGTERM, or the terminal was closed."""


class Supervisor:
    """The demo's processes and what is known of them."""

    def __init__(self, address: Address, lock: int) -> None:
        self.address = address
        self.lock = lock
        self.requests = 0
        self.services: list[Kept] = []
        self.programs: list[Kept] = []
        self.facts: dict[str, str] = {}
        self.settings: Mapping[str, str] = {}
        self.janitor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("janitor.py")), *map(str, ANNOUNCED)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.requests += 1

    def _tell_janitor(self, *words: object) -> None:
        assert self.janitor.stdin is not None
        try:
            print(*words, file=self.janitor.stdin, flush=True)
        except OSError:
            # Somebody killed it. On Linux it is only the second line behind the parent-death signal.
            pass

    def _adopt(self, some: list[Kept]) -> None:
        for kept in some:
            kept.inherited = (self.lock,)
            kept.started = self._tell_janitor

    def _pause(self, seconds: float) -> None:
        """Sleep a little; raises Stopped if we were asked to stop."""
        if self.requests:
            raise Stopped
        time.sleep(seconds)

    @property
    def everybody(self) -> list[Kept]:
        return [*self.services, *self.programs]

    def run(self) -> None:
        """Start everything, say where to look, and look after it until asked to stop."""
        try:
            self._start()
            words = announcement.text(
                self.facts, is_open_to_network=addresses.is_open_to_network(self.address.public_host)
            )
            announcement.say(words)
            while True:
                self._tend()
                self._pause(0.1)
        except Stopped:
            announcement.say("stopping ...")
        finally:
            _announce_nothing()
            self._stop()

    def _start(self) -> None:
        made = configuration.load_secrets(LOCAL / "secrets.json")
        plan = family.plan(self.address, made)
        self.services, self.settings = plan.services, plan.settings
        self._adopt([*plan.services, *plan.programs])
        for kept in self.services:
            kept.start()
        self._wait_for(self.services)
        plan.make_database()
        self.programs = plan.programs
        # The stand-in needs no database and starts while the data is made ready.
        stripe = [kept for kept in self.programs if kept.name == "stripe"]
        for kept in stripe:
            kept.start()
        password = configuration.admin_password(LOCAL / "admin-password")
        self.facts = {**self._set_up(plan.setup), "admin_password": password}
        for kept in self.programs:
            if kept not in stripe:
                kept.start()
        self._wait_for(self.everybody)
        self._write()

    def _wait_for(self, some: list[Kept]) -> None:
        """Return when all of them answer; DemoError names the one that doesn't."""
        deadline = time.monotonic() + READY_SECONDS
        while not all(kept.is_ready for kept in some):
            for kept in some:
                kept.tend(time.monotonic())
                check_first_start(kept)
            if time.monotonic() > deadline:
                silent = next(kept for kept in some if not kept.is_ready)
                raise DemoError(f"{silent.name} does not answer: {last_line(silent.command.log)}")
            self._pause(0.02)

    def _set_up(self, command: Command) -> dict[str, str]:
        """Migrate, load and make a link, in a process of its own; returns what it says about the link."""
        assert command.output is not None
        process = spawn(command, inherited=(self.lock,))
        deadline = time.monotonic() + SETUP_SECONDS
        try:
            while process.poll() is None:
                self._pause(0.02)
                if time.monotonic() > deadline:
                    raise DemoError(f"the database was not ready within {SETUP_SECONDS:.0f} s (see {command.log})")
        finally:
            stop(process, signal.SIGTERM, 5)
        if process.returncode != 0:
            raise DemoError(f"the data could not be made ready: {last_line(command.log)} (see {command.log})")
        said = json.loads(last_line(command.output))
        # It holds a link: a secret.
        command.output.unlink()
        return dict(said)

    def _tend(self) -> None:
        """One look at every child; demo.json follows when one answers again."""
        for kept in self.everybody:
            try:
                happened = kept.tend(time.monotonic())
            except OSError as error:
                happened = f"{kept.name} could not be started: {error.strerror}"
                kept.due_at = time.monotonic() + kept.delay
            if happened:
                announcement.say(f"{kept.name}: {happened}" if kept.name not in happened else happened)
            if happened and all(other.is_ready for other in self.everybody):
                self._write()

    def _write(self) -> None:
        pids = {kept.name: kept.pid for kept in self.everybody}
        # First what manage.py reads: whoever waits for demo.json may call it at once.
        configuration.write_private(LOCAL / "environment.json", json.dumps(self.settings, indent=1))
        announcement.write(LOCAL / "demo.json", self.facts, {"supervisor": os.getpid(), **pids})

    def _stop(self) -> None:
        """End the programs, then the services they write to. A second Ctrl-C hurries."""
        asked = self.requests

        def is_urgent() -> bool:
            return self.requests > max(asked, 1)

        stop_together(self.programs, STOP_SECONDS, is_urgent)
        stop_together(self.services, SERVICES_STOP_SECONDS, is_urgent)
        self._tell_janitor("done")
        self.janitor.wait()


def _announce_nothing() -> None:
    for path in ANNOUNCED:
        path.unlink(missing_ok=True)


@contextmanager
def only_one() -> Iterator[int]:
    """The lock of this checkout's demo; its descriptor is inherited by every child.

    So it is free only when the last child of an earlier run is gone, however that run ended.
    """
    path = LOCAL / "demo.lock"
    with open(path, "a+") as lock:
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = path.read_text().strip()
                if _is_alive(owner):
                    raise DemoError(f"the demo of this checkout is running already (process {owner})") from None
                if time.monotonic() > deadline:
                    raise DemoError("processes of an earlier demo are still there: end them and start again") from None
                time.sleep(0.05)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _check_space() -> None:
    folder = places.state_folder()
    while not folder.exists():
        folder = folder.parent
    left = shutil.disk_usage(folder).free // 1_000_000
    if left < NEEDED_MEGABYTES:
        raise DemoError(f"no disk: {left} MB are left at {folder}, about {NEEDED_MEGABYTES} MB are needed: make room")


def forget_everything() -> None:
    """Remove the data and the secrets of earlier runs, so that the next start is a first one."""
    for folder in {places.state_folder(), LOCAL}:
        for name in ("postgres", "postgres.unfinished", "valkey", "run"):
            shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("secrets.json", "admin-password", "stripe.jsonl", "network.jsonl"):
        (LOCAL / name).unlink(missing_ok=True)
    shutil.rmtree(LOCAL / "log", ignore_errors=True)


def _trim_logs(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    for log in folder.glob("*.log"):
        if log.stat().st_size > LONGEST_LOG:
            log.replace(log.with_suffix(".log.1"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/demo", description="Runs payportal with made-up data on this machine and prints a payment link."
    )
    parser.add_argument("--host", default=addresses.LOOPBACK, help="address to listen on and to put into links")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; the next one is used too")
    parser.add_argument("--fresh", action="store_true", help="forget the data of earlier runs first")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> None:
    os.umask(0o077)
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    LOCAL.chmod(0o700)
    with only_one() as lock:
        address = addresses.choose(arguments.host, arguments.port)
        if arguments.fresh:
            forget_everything()
        _check_space()
        _trim_logs(LOCAL / "log")
        _announce_nothing()
        Supervisor(address, lock).run()


def main() -> int:
    arguments = _arguments()
    try:
        _run(arguments)
    except DemoError as error:
        print(f"bin/demo: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        said = "no disk: make room and start again" if error.errno == errno.ENOSPC else error.strerror
        print(f"bin/demo: {said} ({error.filename or LOCAL})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
