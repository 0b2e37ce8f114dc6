"""Cleans up after a supervisor that was killed: removes what it announced, ends the children that may still be there.

usage: python janitor.py FILE...   with the supervisor's end of a pipe as standard input

The supervisor writes a line ``NAME PID SIGNAL`` for each child that it starts. When the pipe ends, the supervisor is
gone: then the group of each name's last child gets its signal. On Linux they have had their parent-death signal by
then; on other systems this is the only one. After an orderly end the supervisor has written ``done``, and there is
nothing to do.
"""

import os
import signal
import sys


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    children: dict[str, tuple[int, int]] = {}
    for line in sys.stdin:
        if line.strip() == "done":
            return
        name, pid, number = line.split()
        children[name] = (int(pid), int(number))
    for pid, number in children.values():
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
    for path in sys.argv[1:]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue


if __name__ == "__main__":
    main()
