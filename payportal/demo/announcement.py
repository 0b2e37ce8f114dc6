"""Where to look: printed for a person, and in ``.local/demo.json`` for a program."""

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import qrcode

from payportal.demo.configuration import write_private

# In this order, and whether or not this run has such a child: a service that DATABASE_URL or REDIS_URL names has none.
PROCESSES = ("supervisor", "postgres", "valkey", "web", "worker", "beat", "stripe")


def write(path: Path, facts: Mapping[str, Any], pids: Mapping[str, int | None]) -> None:
    """Write ``demo.json`` whole or not at all, readable by us alone: it holds a password."""
    ordered = {name: pids.get(name) for name in PROCESSES}
    write_private(path, json.dumps({**facts, "pids": ordered}, indent=2) + "\n")


def qr_code(text: str, *, is_terminal: bool) -> str:
    """A QR code in half blocks, two modules a line, with the quiet zone of 4 modules that ISO/IEC 18004 asks for.

    A terminal is told to paint black on white, whatever its colours. A file gets the blocks alone, light modules
    filled: right on a dark background.
    """
    code = qrcode.QRCode(border=4, error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(text)
    code.make(fit=True)
    out = io.StringIO()
    code.print_ascii(out=out, invert=not is_terminal)
    start, end = ("\033[38;5;16;48;5;231m", "\033[0m") if is_terminal else ("", "")
    return "\n".join(f"  {start}{line}{end}" for line in out.getvalue().splitlines() if line)


def text(facts: Mapping[str, Any], *, is_open_to_network: bool) -> str:
    """What the terminal shows once everything answers."""
    link = facts["payment_link"]
    lines = [
        "",
        "payportal is running with made-up data. Ctrl-C stops everything.",
        "",
        f"  Payment link   {link}",
        "",
        qr_code(link, is_terminal=sys.stdout.isatty()),
        "",
        f"  Phone inbox    {facts['inbox_url']}",
        f"  Admin          {facts['admin_url']}",
        f"                 {facts['admin_user']} / {facts['admin_password']}",
        "  For programs   .local/demo.json; logs in .local/log",
        "",
    ]
    if is_open_to_network:
        lines.insert(2, "Everybody on this network can open it.")
    return "\n".join(lines)


def say(words: str) -> None:
    """Print; a terminal that lacks a character gets a question mark, one that is gone gets nothing."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        print(words.encode(encoding, "replace").decode(encoding), flush=True)
    except (BrokenPipeError, OSError):
        pass
