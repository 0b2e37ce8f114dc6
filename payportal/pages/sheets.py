"""The style sheets: small files, put together for each kind of page, squeezed, and inlined.

A page carries only its own kind's sheet, and the content security policy admits it by its hash: nothing is asked for
before the first paint, and no page has a style attribute or a nonce.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from payportal.pages.brand import csp_hash

FOLDER = Path(settings.BASE_DIR) / "static" / "css"
KINDS = {
    "plain": ("tokens", "phone"),
    "pay": ("tokens", "phone", "switch", "pay"),
    "empty": ("tokens", "phone", "switch", "status", "pay"),
    "status": ("tokens", "phone", "switch", "status"),
    "pin": ("tokens", "phone", "pin"),
    "receipt": ("tokens", "phone", "receipt"),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A kind of page's CSS and its hash for the content security policy."""

    css: SafeString
    css_hash: str


@cache
def of_kind(kind: str) -> Sheet:
    """The sheet of a kind of page; read and squeezed once a process."""
    css = squeeze("\n".join((FOLDER / f"{name}.css").read_text("utf-8") for name in KINDS[kind]))
    return Sheet(css=mark_safe(css), css_hash=csp_hash(css))  # noqa: S308 (our own)


def squeeze(css: str) -> str:
    """The same rules in fewer characters.

    Leaves the space before a colon (``.pp :focus`` is not ``.pp:focus``) and around ``+`` and ``-`` (``calc``).
    """
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r" ?([{};,>]) ?", r"\1", css)
    css = re.sub(r": ", ":", css)
    css = re.sub(r"([ :(,-])0\.(\d)", r"\1.\2", css)
    return css.replace(";}", "}").strip()
