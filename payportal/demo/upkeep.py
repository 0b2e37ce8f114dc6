"""Children that are started again when they die: after 1 s, doubling to 10 s."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from payportal.demo.children import Command, DemoError, last_line, signal_group, spawn

FIRST_DELAY = 1.0
LONGEST_DELAY = 10.0
# A child that answered for this long has recovered: its next death waits the first delay again.
RECOVERED_SECONDS = 30.0
# After a kill of everything PostgreSQL refuses to start while the last process of its former self still goes, which
# may take some seconds: with the pauses between them this many tries wait for seven.
HOPELESS_DEATHS = 4


@dataclass
class Kept:
    """One child: what it runs, how it tells that it works, and when it is due to be started again.

    ``started`` is told its name, process id and death signal after each start.
    """

    command: Command
    answers: Callable[[int], bool]
    inherited: Sequence[int] = ()
    started: Callable[[str, int, int], None] | None = None
    process: "subprocess.Popen[bytes] | None" = None
    is_ready: bool = False
    delay: float = FIRST_DELAY
    due_at: float = 0.0
    ready_at: float = 0.0
    deaths: int = field(default=0)

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        self.is_ready = False
        self.process = spawn(self.command, inherited=self.inherited)
        if self.started:
            self.started(self.name, self.process.pid, self.command.death_signal)

    def tend(self, now: float) -> str | None:
        """Look after the child once; returns what happened, in words, if something did.

        ``now`` is a reading of the monotonic clock, in seconds.
        """
        if self.process is None:
            if now >= self.due_at:
                self.start()
            return None
        if _has_ended(self.process):
            return self._bury(now)
        if not self.is_ready and self.answers(self.process.pid):
            self.is_ready, self.ready_at = True, now
            return f"{self.name} answers"
        if self.is_ready and now - self.ready_at > RECOVERED_SECONDS:
            self.delay = FIRST_DELAY
        return None

    def _bury(self, now: float) -> str:
        assert self.process is not None
        # What it forked goes with it, and goes first: as long as it is not reaped its group can't be anybody else's.
        signal_group(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.process, self.is_ready = None, False
        self.deaths += 1
        self.due_at = now + self.delay
        said = f"{self.name} ended ({how}) and starts again in {self.delay:.0f} s"
        self.delay = min(self.delay * 2, LONGEST_DELAY)
        return said


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """True when the child is dead but not yet reaped."""
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def check_first_start(kept: Kept) -> None:
    """DemoError when a child of the first start keeps dying: then its log has the reason."""
    if kept.deaths >= HOPELESS_DEATHS:
        raise DemoError(f"{kept.name} does not start: {last_line(kept.command.log)} (all of it: {kept.command.log})")


def stop_together(family: Sequence[Kept], seconds: float, is_urgent: Callable[[], bool]) -> None:
    """Ask all of them to end, wait together, and end by force what is left after ``seconds`` or when it is urgent."""
    living = [kept for kept in family if kept.process is not None and not _has_ended(kept.process)]
    for kept in living:
        assert kept.process is not None
        kept.process.send_signal(kept.command.stop_signal)
    deadline = time.monotonic() + seconds
    while living and time.monotonic() < deadline and not is_urgent():
        living = [kept for kept in living if kept.process is not None and not _has_ended(kept.process)]
        time.sleep(0.02)
    for kept in family:
        if kept.process is not None:
            if kept in living:
                # PostgreSQL and Valkey keep their files whole on their death signal; the others lose nothing.
                kept.process.send_signal(kept.command.death_signal)
                try:
                    kept.process.wait(5)
                except subprocess.TimeoutExpired:
                    kept.process.kill()
            signal_group(kept.process.pid, signal.SIGKILL)
            kept.process.wait()
            kept.process = None
