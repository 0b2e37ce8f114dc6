"""Parameters are held against the SDK's own typed dictionaries, so an unknown one is refused.

The dictionaries come with the installed `stripe` package and therefore always fit its
API version. Their annotations are strings that name neighbours in the same module and
types of the SDK's internals; the latter are only request options and never parameters.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, NotRequired, Required

import stripe.params
from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

from payportal.demo.stripe_standin.errors import ApiError, invalid_parameter

OPTIONS = frozenset(RequestOptions.__annotations__)
NO_LONGER = "payment_method_types"
UNIONS = (typing.Union, types.UnionType)


@cache
def fields(name: str) -> Mapping[str, tuple[Any, bool]]:
    """Each parameter's type, and whether it is required, of `stripe.params.<name>`."""
    return _fields(getattr(stripe.params, name))


@cache
def _fields(params: Any) -> dict[str, tuple[Any, bool]]:
    module = vars(sys.modules[params.__module__])
    found = {}
    for key, annotation in params.__annotations__.items():
        if key in OPTIONS:
            continue
        code = annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation
        kind = eval(code, dict(module)) if isinstance(code, str) else code  # the SDK's own source text
        is_required = True
        if typing.get_origin(kind) in (NotRequired, typing.NotRequired, Required, typing.Required):
            is_required = typing.get_origin(kind) in (Required, typing.Required)
            kind = typing.get_args(kind)[0]
        found[key] = (_resolved(kind, module), is_required)
    return found


def _resolved(kind: Any, module: Mapping[str, Any]) -> Any:
    if isinstance(kind, typing.ForwardRef):
        return eval(kind.__forward_arg__, dict(module))  # the SDK's own source text
    return kind


def check(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with their types, or the error Stripe would give (400, nothing kept)."""
    if NO_LONGER in given and name.startswith(("PaymentIntent", "SetupIntent")) and "List" not in name:
        raise invalid_parameter(
            "The parameter `payment_method_types` is no longer supported. Use dynamic payment methods instead: "
            "leave it out, or pass `automatic_payment_methods`.",
            code="payment_method_types_no_longer_supported",
            param=NO_LONGER,
        )
    return _check_fields(fields(name), given, "", sys.modules[getattr(stripe.params, name).__module__])


def _check_fields(
    known: Mapping[str, tuple[Any, bool]], given: Mapping[str, Any], prefix: str, module: types.ModuleType
) -> dict[str, Any]:
    for key in given:
        if key not in known:
            where = _named(prefix, key)
            raise invalid_parameter(f"Received unknown parameter: {where}", code="parameter_unknown", param=where)
    for key, (_kind, is_required) in known.items():
        if is_required and given.get(key) in (None, ""):
            where = _named(prefix, key)
            raise invalid_parameter(f"Missing required param: {where}.", code="parameter_missing", param=where)
    return {key: _check_value(known[key][0], value, _named(prefix, key), module) for key, value in given.items()}


def _named(prefix: str, key: str) -> str:
    return f"{prefix}[{key}]" if prefix else key


def _check_value(kind: Any, value: Any, where: str, module: types.ModuleType) -> Any:
    choices = [_resolved(choice, vars(module)) for choice in _choices(kind, vars(module))]
    error: ApiError | None = None
    if value == "" and _is_emptiable(choices):
        return ""
    literals = [literal for choice in choices for literal in _literals(choice) if literal != ""]
    if literals and isinstance(value, str) and all(choice is str or _literals(choice) for choice in choices):
        if value not in literals:
            raise invalid_parameter(f"Invalid {where}: must be one of {', '.join(literals)}", param=where)
        return value
    for choice in choices:
        try:
            return _check_one(choice, value, where, module)
        except ApiError as refused:
            error = error or refused
            if refused.fields.get("code") == "parameter_unknown":
                error = refused
    raise error or invalid_parameter(f"Invalid value for {where}", param=where)


def _choices(kind: Any, module: Mapping[str, Any]) -> list[Any]:
    kind = _resolved(kind, module)
    if typing.get_origin(kind) in UNIONS:
        return [choice for part in typing.get_args(kind) for choice in _choices(part, module)]
    return [kind]


def _literals(choice: Any) -> tuple[str, ...]:
    return typing.get_args(choice) if typing.get_origin(choice) is typing.Literal else ()


def _is_emptiable(choices: list[Any]) -> bool:
    return any(choice is str or "" in _literals(choice) or typing.get_origin(choice) is dict for choice in choices)


def _check_one(choice: Any, value: Any, where: str, module: types.ModuleType) -> Any:
    origin = typing.get_origin(choice)
    if choice is bool:
        return _boolean(value, where)
    if choice is int:
        return _integer(value, where)
    if choice is str and isinstance(value, str):
        return value
    if origin is typing.Literal and value in typing.get_args(choice):
        return value
    if origin is list:
        values = _listed(value, where)
        return [_check_value(typing.get_args(choice)[0], one, f"{where}[{i}]", module) for i, one in enumerate(values)]
    if origin is dict and isinstance(value, dict):
        inner = typing.get_args(choice)[1]
        return {key: _check_value(inner, one, _named(where, key), module) for key, one in value.items()}
    if is_typeddict(choice) and isinstance(value, dict):
        return _check_fields(_fields(choice), value, where, sys.modules[choice.__module__])
    if choice is float:
        return _decimal(value, where)
    raise invalid_parameter(f"Invalid value for {where}", param=where)


def _listed(value: Any, where: str) -> list[Any]:
    if isinstance(value, dict) and all(key.isdigit() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    if isinstance(value, list):
        return value
    raise invalid_parameter(f"Invalid array: {where}", param=where)


def _boolean(value: Any, where: str) -> bool:
    if value in ("true", "false", True, False):
        return value in ("true", True)
    raise invalid_parameter(f"Invalid boolean: {value}", param=where)


def _integer(value: Any, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
        return int(value[:20])
    raise invalid_parameter(f"Invalid integer: {value}", code="parameter_invalid_integer", param=where)


def _decimal(value: Any, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise invalid_parameter(f"Invalid decimal: {value}", param=where) from None
