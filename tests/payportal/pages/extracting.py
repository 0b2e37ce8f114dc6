"""Every text that is marked for translation, found the way Django and Babel find them."""

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[3]
KEYWORDS = {**DEFAULT_KEYWORDS, "gettext_lazy": None, "ngettext_lazy": (1, 2), "pgettext_lazy": ((1, "c"), 2)}


def texts(*folders: str) -> set[str]:
    """The English texts below these folders of the project; of a plural, its singular."""
    return {text for folder in folders for path in _files(ROOT / folder) for text in _of(path)}


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".html", ".txt"))


def _of(path: Path) -> Iterator[str]:
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        source = templatize(source)
    for _line, found, _comments, _context in extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS):
        texts = [found] if isinstance(found, str) else [text for text in found if text]
        if texts:
            yield texts[0]
