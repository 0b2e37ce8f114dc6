"""Compiles the translations with Babel: every ``.po`` below a ``locale/`` whose ``.mo`` is missing or older.

usage: python -m payportal.catalogs
"""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CHECKOUT = Path(__file__).resolve().parent.parent


def compile_all(top: Path = CHECKOUT) -> list[Path]:
    """Compile what is out of date and return the files written.

    Each file is written whole and then put in place: a process that starts meanwhile reads the old or the new one.
    """
    written = []
    for source in sorted([*top.glob("locale/*/LC_MESSAGES/*.po"), *top.glob("payportal/*/locale/*/LC_MESSAGES/*.po")]):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalog = read_po(file, locale=source.parts[-3], domain=source.stem)
        unfinished = target.with_suffix(f".mo.{os.getpid()}")
        with unfinished.open("wb") as file:
            write_mo(file, catalog)
        unfinished.replace(target)
        written.append(target)
    return written


if __name__ == "__main__":
    for path in compile_all():
        print(path.relative_to(CHECKOUT))
