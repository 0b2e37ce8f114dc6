"""What is sent to browsers: the JavaScript that defines `Stripe`, and the bank's page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

# One script out of several files; the order is that of the definitions.
SCRIPTS = ("words.js", "style.js", "wire.js", "element.js", "wallets.js", "card.js", "stripe.js")


@cache
def text(name: str) -> str:
    """A file of this folder."""
    return (files(__name__) / name).read_text(encoding="utf-8")


@cache
def script() -> str:
    """`stripe.js`: all scripts in one scope of their own."""
    return '(() => {\n"use strict";\n' + "\n".join(text(name) for name in SCRIPTS) + "\n})();\n"
