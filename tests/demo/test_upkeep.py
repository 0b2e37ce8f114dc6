"""Children that die are started again, and none outlives the process that started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from payportal.demo.children import Command, DemoError, spawn, stop
from payportal.demo.upkeep import HOPELESS_DEATHS, Kept, check_first_start, stop_together

# A child with a child of its own: prints that one's process id and sleeps.
WITH_GRANDCHILD = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """True for a process that exists and isn't a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command(tmp_path: Path, code: str, **more: signal.Signals) -> Command:
    argv = [sys.executable, "-c", code]
    return Command("child", argv, tmp_path / "child.log", dict(os.environ), tmp_path, **more)


def log(tmp_path: Path) -> str:
    path = tmp_path / "child.log"
    return path.read_text() if path.exists() else ""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Callable[[str], Kept]]:
    made: list[Kept] = []

    def make(code: str) -> Kept:
        made.append(Kept(command(tmp_path, code), lambda pid: bool(log(tmp_path))))
        return made[-1]

    yield make
    stop_together(made, 5, lambda: False)


def test_a_child_that_dies_is_started_again_after_one_second_doubling_to_ten(kept: Callable[[str], Kept]) -> None:
    child, now, delays = kept("raise SystemExit(3)"), 1000.0, []
    for _ in range(6):
        child.start()
        said: list[str] = []
        wait_for(lambda said=said, now=now: said.append(child.tend(now) or "") or "ended" in said[-1])
        assert "exit code 3" in said[-1]
        assert child.pid is None
        delays.append(child.due_at - now)
        assert child.tend(child.due_at - 0.01) is None
        assert child.pid is None
        now = child.due_at
    assert delays == [1, 2, 4, 8, 10, 10]
    child.tend(now)
    assert child.pid is not None


def test_a_child_that_recovered_waits_the_first_delay_again(kept: Callable[[str], Kept]) -> None:
    child = kept("import time; print('up', flush=True); time.sleep(60)")
    child.delay = 8
    child.start()
    wait_for(lambda: child.tend(1000.0) == "child answers")
    child.tend(1029.0)
    assert child.delay == 8
    child.tend(1031.0)
    assert child.delay == 1


def test_what_a_dead_child_forked_is_ended_with_it(kept: Callable[[str], Kept], tmp_path: Path) -> None:
    child = kept(WITH_GRANDCHILD)
    child.start()
    wait_for(lambda: log(tmp_path).endswith("\n"))
    grandchild = int(log(tmp_path))
    assert is_running(grandchild)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: "signal 9" in (child.tend(1000.0) or ""))
    wait_for(lambda: not is_running(grandchild))


def test_stopping_ends_by_force_what_does_not_listen(kept: Callable[[str], Kept], tmp_path: Path) -> None:
    child = kept(STUBBORN)
    child.start()
    wait_for(lambda: "up" in log(tmp_path))
    pid = child.pid
    assert pid
    began = time.monotonic()
    stop_together([child], 0.5, lambda: False)
    assert not is_running(pid)
    assert 0.4 < time.monotonic() - began < 10


def test_a_second_request_to_stop_hurries(kept: Callable[[str], Kept], tmp_path: Path) -> None:
    child = kept(STUBBORN)
    child.start()
    wait_for(lambda: "up" in log(tmp_path))
    began = time.monotonic()
    stop_together([child], 60, lambda: time.monotonic() - began > 0.2)
    assert child.process is None
    assert time.monotonic() - began < 10


def test_a_first_start_that_keeps_failing_tells_the_last_line_of_its_log(
    kept: Callable[[str], Kept], tmp_path: Path
) -> None:
    child = kept("raise SystemExit('the reason')")
    for _ in range(HOPELESS_DEATHS):
        check_first_start(child)
        child.start()
        wait_for(lambda: "ended" in (child.tend(1000.0) or ""))
    with pytest.raises(DemoError, match="child does not start: the reason"):
        check_first_start(child)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_child_gets_its_death_signal_when_its_parent_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    child_code = (
        f"import os, pathlib, signal, time; told = pathlib.Path({str(told)!r})\n"
        "signal.signal(signal.SIGQUIT, lambda *_: (told.write_text('quit'), os._exit(0)))\n"
        "print('pid', os.getpid(), flush=True); time.sleep(60)"
    )
    parent_code = (
        "import pathlib, signal, sys, time\n"
        "from payportal.demo.children import Command, spawn\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        f"spawn(Command('child', [sys.executable, '-c', {child_code!r}], folder / 'child.log', {{}}, folder, "
        "death_signal=signal.SIGQUIT))\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code])
    try:
        wait_for(lambda: log(tmp_path).endswith("\n"))
    finally:
        parent.kill()
        parent.wait()
    pid = int(log(tmp_path).split()[1])
    wait_for(lambda: not is_running(pid))
    assert told.read_text() == "quit"


def test_stop_leaves_nothing_of_a_group(tmp_path: Path) -> None:
    process = spawn(command(tmp_path, WITH_GRANDCHILD))
    wait_for(lambda: log(tmp_path).endswith("\n"))
    grandchild = int(log(tmp_path))
    stop(process, signal.SIGTERM, 5)
    assert process.returncode == -signal.SIGTERM
    wait_for(lambda: not is_running(grandchild))
