"""Celery's worker and beat as the demo runs them: telling when they are ready, dying with their parent.

usage: python -m payportal.demo.celery_child worker|beat

READY_FILE gets the process id once it works. Killing them at any moment is safe: tasks are acknowledged late and all
state is in rows.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from celery.signals import beat_init, worker_process_init, worker_ready

from payportal.celery import app
from payportal.demo.children import die_with_parent

COMMON = ["--loglevel", "WARNING"]
ARGUMENTS = {
    "worker": ["worker", "--concurrency", "2", "--without-gossip", "--without-mingle", *COMMON],
    "beat": ["beat", *COMMON],
}


def _tell_ready(**_: Any) -> None:
    ready = os.environ.get("READY_FILE")
    if ready:
        Path(ready).write_text(str(os.getpid()))


def _follow_parent(**_: Any) -> None:
    """In each of the worker's own processes."""
    die_with_parent(signal.SIGKILL, os.getppid())


def main() -> None:
    kind = sys.argv[1]
    worker_process_init.connect(_follow_parent)
    worker_ready.connect(_tell_ready)
    beat_init.connect(_tell_ready)
    if os.geteuid() == 0:
        # It warns about root; the demo's data is made up and the sockets are root's alone.
        os.environ.setdefault("C_FORCE_ROOT", "1")
    app.start(argv=ARGUMENTS[kind])


if __name__ == "__main__":
    main()
