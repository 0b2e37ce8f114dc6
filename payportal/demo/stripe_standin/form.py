"""Stripe's form encoding: nested names in brackets, lists by number or by empty brackets.

`a[b]=1&c[]=2&c[]=3` is `{"a": {"b": "1"}, "c": {"0": "2", "1": "3"}}`. A list and a
dictionary with numbers for keys look alike, and every value is a string: which it is
meant to be only the endpoint's parameter types can tell (see `parameters`).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from payportal.demo.stripe_standin.errors import invalid_parameter

NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
MOST_FIELDS = 1000
DEEPEST = 8


def decode(encoded: str) -> dict[str, Any]:
    """Read a query string or a request body.

    Raises an `ApiError` of 400 for a name that can't be read, or for a shape that
    contradicts itself (`a=1&a[b]=2`).
    """
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(
            encoded, keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError as error:
        raise invalid_parameter("The request's parameters can't be read as form data.") from error
    for name, value in pairs:
        _put(tree, _path(name), name, value)
    return tree


def _path(name: str) -> list[str]:
    match = NAME.match(name)
    if match is None:
        raise invalid_parameter(f"Invalid parameter name: {name[:100]}", param=name[:100])
    path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(path) > DEEPEST:
        raise invalid_parameter(f"Parameter nested too deeply: {name[:100]}", param=name[:100])
    return path


def _put(tree: dict[str, Any], path: list[str], name: str, value: str) -> None:
    node = tree
    for index, step in enumerate(path):
        key = str(len(node)) if step == "" and index else step
        if index == len(path) - 1:
            if isinstance(node.get(key), dict):
                raise invalid_parameter(f"Invalid value for {name[:100]}", param=path[0])
            node[key] = value
            return
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise invalid_parameter(f"Invalid value for {name[:100]}", param=path[0])
