"""PostgreSQL and Valkey as foreground children on Unix sockets (whose binaries: see ``binaries``).

Nothing listens on a network. Whoever may enter the socket folder (0700) may do everything, so neither server asks for
a password. Used by the supervisor for the demo, and by the tests through ``running``.
"""

import locale
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from payportal.demo import places
from payportal.demo.children import Command, DemoError, last_line, spawn, stop
from payportal.demo.places import Home

ROLE = "payportal"
DATABASE = "payportal"
START_SECONDS = 60.0
STOP_SECONDS = 15.0
# For the demo: what was answered is on disk. Small, since it shares a laptop with everything else.
DURABLE = {"shared_buffers": "64MB", "max_connections": "60", "synchronous_commit": "on"}
# For tests: the data is thrown away, and several runs go side by side.
FLEETING = {
    "shared_buffers": "48MB",
    "max_connections": "100",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "1GB",
}


@dataclass(frozen=True)
class Postgres:
    """One embedded PostgreSQL cluster."""

    home: Home
    settings: Mapping[str, str]

    @property
    def data(self) -> Path:
        return self.home.folder / "postgres"

    def url(self, database: str = DATABASE) -> str:
        """The address for DATABASE_URL."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.home.sockets), safe='')}"

    def prepare(self) -> None:
        """Make the cluster if there is none; refuse one of another major version."""
        found = self.data / "PG_VERSION"
        if not found.exists():
            _make_cluster(self.home, self.data)
            return
        made_by = found.read_text().strip()
        if made_by != str(self.home.binaries.postgres_version):
            raise DemoError(
                f"the demo's data was made by PostgreSQL {made_by}, but {self.home.binaries.postgres} is version "
                f"{self.home.binaries.postgres_version}: run bin/demo --fresh to begin anew"
            )
        _forget_stale_lock(self.data)

    def command(self, log: Path) -> Command:
        """How to run it. Fast shutdown when asked (SIGINT), immediate when we die (SIGQUIT): the WAL has it all."""
        argv = [str(self.home.binaries.postgres), "-D", str(self.data), "-k", str(self.home.sockets)]
        for name, value in {"listen_addresses": "", "unix_socket_permissions": "0700", **self.settings}.items():
            argv += ["-c", f"{name}={value}"]
        return Command(
            name="postgres",
            argv=argv,
            log=log,
            environment=_plain_environment(),
            directory=self.home.folder,
            account=self.home.account,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
        )

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def make_database(self) -> None:
        """Make our database if it isn't there yet."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


@dataclass(frozen=True)
class Valkey:
    """One embedded Valkey (or Redis) with an append-only file; full memory is an error, never an eviction."""

    home: Home
    fsync: str

    @property
    def data(self) -> Path:
        return self.home.folder / "valkey"

    @property
    def socket(self) -> Path:
        return self.home.sockets / "valkey.sock"

    def url(self, number: int = 0) -> str:
        """The address for REDIS_URL."""
        return f"unix://{self.socket}?db={number}"

    def prepare(self) -> None:
        self.home.make_folder(self.data)

    def command(self, log: Path) -> Command:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": self.fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        argv = [str(self.home.binaries.valkey)]
        for name, value in settings.items():
            argv += [f"--{name}", value]
        return Command(
            name="valkey",
            argv=argv,
            log=log,
            environment=_plain_environment(),
            directory=self.home.folder,
            account=self.home.account,
            stop_signal=signal.SIGTERM,
            # It writes its file out before it ends.
            death_signal=signal.SIGTERM,
        )

    def answers(self) -> bool:
        """True once it serves; while it still reads its file it answers LOADING, which is no."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _plain_environment() -> dict[str, str]:
    """What the servers get of our environment: no secret of ours, no language."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _make_cluster(home: Home, data: Path) -> None:
    """Make a cluster whole or not at all: an initdb that was cut off leaves nothing that looks finished."""
    unfinished = data.with_name(data.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)
    home.make_folder(unfinished)
    argv = [str(home.binaries.initdb), "-D", str(unfinished), "-U", ROLE, "--auth=trust", "--encoding=UTF8"]
    argv += ["--no-instructions", "--locale=C"]
    if home.binaries.postgres_version >= 17:
        # Upper and lower case of every alphabet, whatever locales the machine has.
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    elif _has_locale("C.UTF-8"):
        # An older one asks the machine: glibc has this from 2.35 on, and Debian had it before.
        argv += ["--lc-ctype=C.UTF-8"]
    log = home.folder / "initdb.log"
    command = Command(
        name="initdb", argv=argv, log=log, environment=_plain_environment(), directory=home.folder, account=home.account
    )
    if spawn(command).wait() != 0:
        raise DemoError(f"PostgreSQL's initdb failed: {last_line(log)} (all of it: {log})")
    unfinished.rename(data)


def _has_locale(name: str) -> bool:
    """Whether the machine's C library knows this locale's letters."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_CTYPE, before)
    return True


def _forget_stale_lock(data: Path) -> None:
    """Remove the lock of a PostgreSQL that was killed, when its process id belongs to something else by now.

    PostgreSQL itself refuses to start if a process of the same user has the id that the lock names; after a restart
    of the machine that may be our own Valkey. Where the kernel doesn't tell what runs (no /proc), the lock stays.
    """
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().split()[0])
        running = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return
    if os.fsencode(data) not in running.split(b"\0"):
        lock.unlink()


def wait_until_answers(server: Postgres | Valkey, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the server answers; DemoError when it ended or START_SECONDS went by."""
    deadline = time.monotonic() + START_SECONDS
    while not server.answers():
        name = type(server).__name__
        if process.poll() is not None:
            raise DemoError(f"{name} ended while starting: {last_line(log)} (all of it: {log})")
        if time.monotonic() > deadline:
            raise DemoError(f"{name} did not answer within {START_SECONDS:.0f} s (see {log})")
        time.sleep(0.02)


def _copy_of_template(home: Home) -> None:
    """Put a copy of a ready-made cluster into a temporary home: an initdb takes seconds, a copy a fraction of one."""
    version = home.binaries.postgres_version
    template = places.state_folder() / f"template-{version}"
    if not (template / "PG_VERSION").exists():
        _make_cluster(home, home.folder / "template")
        try:
            (home.folder / "template").rename(template)
        except OSError:
            # Another run made it first.
            if not (template / "PG_VERSION").exists():
                raise
    subprocess.run(["cp", "-a", str(template), str(home.folder / "postgres")], check=True)


@dataclass(frozen=True)
class Services:
    """A running PostgreSQL and Valkey."""

    postgres: Postgres
    valkey: Valkey
    postgres_pid: int
    valkey_pid: int


@contextmanager
def running() -> Iterator[Services]:
    """PostgreSQL and Valkey of one's own in a temporary folder, for one run of the tests; gone afterwards."""
    with places.temporary_home() as home:
        postgres, valkey = Postgres(home, FLEETING), Valkey(home, fsync="no")
        _copy_of_template(home)
        valkey.prepare()
        logs = {name: home.folder / f"{name}.log" for name in ("postgres", "valkey")}
        database_process = spawn(postgres.command(logs["postgres"]))
        valkey_process = spawn(valkey.command(logs["valkey"]))
        try:
            wait_until_answers(postgres, database_process, logs["postgres"])
            wait_until_answers(valkey, valkey_process, logs["valkey"])
            postgres.make_database()
            yield Services(postgres, valkey, database_process.pid, valkey_process.pid)
        finally:
            # Nobody needs this data again: SIGQUIT skips the checkpoint.
            stop(database_process, signal.SIGQUIT, STOP_SECONDS)
            stop(valkey_process, signal.SIGTERM, STOP_SECONDS)
