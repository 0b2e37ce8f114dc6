"""Child processes that never outlive the process that started them.

Every child gets a session of its own, so that a Ctrl-C in the terminal reaches the supervisor alone, and, on Linux,
the parent-death signal: the kernel sends it when the parent is gone, however that came about. It is set in the child
after its change of user, because changing the user clears it (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class DemoError(Exception):
    """Something a person can put right; the message is the one line that says how."""


@dataclass(frozen=True)
class Account:
    """The unprivileged user that a server runs as when we are root."""

    name: str
    uid: int
    gid: int


def die_with_parent(signal_number: int, parent: int) -> None:
    """Ask the kernel for this signal when the parent process ends; at once if it has ended already.

    ``parent`` is the parent's process id as the parent knew it: between the fork and this call it may have died, and
    then no signal would ever come.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _in_child(death_signal: signal.Signals, parent: int) -> Callable[[], None]:
    """What runs between fork and exec, after the change of user."""

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        die_with_parent(death_signal, parent)

    return prepare


@dataclass(frozen=True)
class Command:
    """What to run, with which environment, where its output goes, and how it should die.

    ``death_signal`` is what the kernel sends when we are gone; ``stop_signal`` is what asks it to end in order.
    ``output`` gets standard output where that is something to read back; else it goes to the log too.
    """

    name: str
    argv: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    directory: Path
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    output: Path | None = None


def spawn(command: Command, *, inherited: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
    """Start the command in a session of its own, its output appended to its log.

    Only the main thread may call this: the parent-death signal is sent when the *thread* that forked ends.
    ``inherited`` are file descriptors that stay open in the child, a lock for example.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children must be started by the main thread")
    account = command.account
    with ExitStack() as files:
        log = files.enter_context(open(command.log, "ab", buffering=0))
        output = files.enter_context(open(command.output, "wb", buffering=0)) if command.output else log
        return subprocess.Popen(
            list(command.argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=log,
            env=dict(command.environment),
            cwd=command.directory,
            start_new_session=True,
            pass_fds=inherited,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            # Safe: the process that starts children has no second thread that could hold a lock at the fork.
            preexec_fn=_in_child(command.death_signal, os.getpid()),  # noqa: PLW1509
        )


def signal_group(leader: int, signal_number: signal.Signals) -> None:
    """Signal a child and all of its children that stayed in its group; nothing happens when none is left."""
    try:
        os.killpg(leader, signal_number)
    except (ProcessLookupError, PermissionError):
        pass


def stop(process: "subprocess.Popen[bytes]", stop_signal: signal.Signals, seconds: float) -> None:
    """End a child in order, or by force when it has not ended after ``seconds``; then whatever it left in its group."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    signal_group(process.pid, signal.SIGKILL)


def make_private_folder(path: Path, account: Account | None) -> None:
    """Make a folder that only the account (or we ourselves) may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    if account:
        os.chown(path, account.uid, account.gid)


def last_line(log: Path) -> str:
    """The last line of a log that says something, for a one-line error; empty if there is none."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
