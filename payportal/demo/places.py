"""Where the demo keeps its state, and which user runs the servers.

An ordinary user's state lies in ``.local/`` of the checkout. PostgreSQL refuses to run as root, and an unprivileged
user can't pass through root's folders: as root, the servers' state, sockets and a copy of their binaries lie in a
folder of their own below ``/var/lib``, owned by the user that runs them.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from payportal.demo.binaries import Binaries, find_binaries
from payportal.demo.children import Account, DemoError, make_private_folder

CHECKOUT = Path(__file__).resolve().parents[2]
LOCAL = CHECKOUT / ".local"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final zero among them.
LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432.lock"
UNPRIVILEGED_NAMES = ("nobody", "postgres", "daemon")


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
