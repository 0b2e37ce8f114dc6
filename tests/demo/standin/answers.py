"""Compares answers with the SDK's classes and with Stripe's published examples."""

from __future__ import annotations

import sys
import types
import typing
from collections import ChainMap
from typing import Any

import stripe
from stripe import StripeObject

UNIONS = (typing.Union, types.UnionType)


class _Exported(dict[str, Any]):
    """Names that a module of the SDK imports for type checkers only."""

    def __missing__(self, name: str) -> Any:
        # Where a class has an inner one of the same name, the SDK imports as `CardResource` and the like.
        found = getattr(stripe, name.removesuffix("Resource"), None)
        if found is None:
            raise KeyError(name)
        return found


def disagreements(kind: type[StripeObject], answer: dict[str, Any], where: str = "") -> list[str]:
    """What the SDK's class doesn't know, requires and misses, or has with another type."""
    found = []
    names = ChainMap(dict(vars(kind)), vars(sys.modules[kind.__module__]), _Exported())
    known = {name: hint for name, hint in kind.__annotations__.items() if name.islower()}
    for name, value in answer.items():
        if name not in known:
            found.append(f"{where}{name}: unknown to {kind.__qualname__}")
        else:
            found += _compared(known[name], value, f"{where}{name}", names)
    found += [
        f"{where}{name}: missing"
        for name, hint in known.items()
        if name not in answer and type(None) not in typing.get_args(_resolved(hint, names))
    ]
    return found


def _resolved(hint: Any, names: Any) -> Any:
    text = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else hint
    return eval(text, {}, names) if isinstance(text, str) else text


def _compared(hint: Any, value: Any, where: str, names: Any) -> list[str]:
    try:
        hint = _resolved(hint, names)
    except NameError:
        return [f"{where}: {hint} is not at the SDK's top"]
    if typing.get_origin(hint) in UNIONS:
        tries = [_compared(choice, value, where, names) for choice in typing.get_args(hint)]
        return min(tries, key=lambda each: (len(each), not any("unknown" in line for line in each)))
    if hint is type(None):
        return [] if value is None else [f"{where}: is not null"]
    if typing.get_origin(hint) is typing.Literal:
        return [] if value in typing.get_args(hint) else [f"{where}: {value!r} is none of the known values"]
    if typing.get_origin(hint) is list:
        if not isinstance(value, list):
            return [f"{where}: is no list"]
        (inner,) = typing.get_args(hint)
        return [line for each in value for line in _compared(inner, each, f"{where}[]", names)]
    return _compared_plain(hint, value, where)


def _compared_plain(hint: Any, value: Any, where: str) -> list[str]:
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type) and issubclass(origin, StripeObject):
        if not isinstance(value, dict):
            return [f"{where}: is no {origin.__qualname__}"]
        return disagreements(origin, value, f"{where}.") if origin.__annotations__ else []
    if origin in (int, str, bool, float):
        return [] if type(value) is origin else [f"{where}: {value!r} is no {origin.__name__}"]
    if origin in (dict, Any):
        return []
    return [f"{where}: {hint} can't be compared"]


def shape(value: Any) -> str:
    """The JSON type."""
    return {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}.get(
        type(value), "null"
    )


def differences(example: dict[str, Any], answer: dict[str, Any], where: str = "") -> list[str]:
    """Keys that only one of the two has, and values of another type where neither is null."""
    found = [f"{where}{name}: only in Stripe's example" for name in example.keys() - answer.keys()]
    found += [f"{where}{name}: not in Stripe's example" for name in answer.keys() - example.keys()]
    for name in example.keys() & answer.keys():
        theirs, ours = shape(example[name]), shape(answer[name])
        if "null" not in (theirs, ours) and theirs != ours:
            found.append(f"{where}{name}: {ours} instead of {theirs}")
    return sorted(found)
