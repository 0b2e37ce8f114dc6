"""Reading: lists with a cursor, filters, expansion, and what a browser is allowed to see."""

from __future__ import annotations

import copy
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from payportal.demo.stripe_standin.errors import invalid, missing
from payportal.demo.stripe_standin.store import Object, Store

DEFAULT_LIMIT, LARGEST_LIMIT = 10, 100
EXPANDABLE = (
    "balance_transaction",
    "charge",
    "latest_charge",
    "payment_intent",
    "payment_method",
    "source",
)
COMPARISONS = {
    "gt": lambda value, limit: value > limit,
    "gte": lambda value, limit: value >= limit,
    "lt": lambda value, limit: value < limit,
    "lte": lambda value, limit: value <= limit,
}
NOT_A_FILTER = {"created", "ending_before", "expand", "limit", "starting_after", "delivery_success", "types"}
SHOWN_TO_CLIENTS = """
    id object amount amount_details automatic_payment_methods canceled_at cancellation_reason capture_method
    client_secret confirmation_method created currency description last_payment_error livemode next_action
    payment_method payment_method_types processing receipt_email setup_future_usage shipping source status
"""
FOR_CLIENT = frozenset(SHOWN_TO_CLIENTS.split())


def page(store: Store, kind: str, params: Object, url: str) -> Object:
    """One page of a list, newest first."""
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= LARGEST_LIMIT:
        raise invalid("This value must be between 1 and 100.", param="limit", code="parameter_invalid_integer")
    found = [item for item in store.of_kind(kind) if _fits(item, params)]
    chosen, has_more = _after(found, params, limit)
    return {"object": "list", "data": chosen, "has_more": has_more, "url": url}


def _fits(item: Object, params: Object) -> bool:
    created = params.get("created")
    if isinstance(created, int) and item["created"] != created:
        return False
    if isinstance(created, dict) and not all(COMPARISONS[how](item["created"], at) for how, at in created.items()):
        return False
    if "types" in params and item["type"] not in params["types"]:
        return False
    return all(item.get(key) == value for key, value in params.items() if key not in NOT_A_FILTER)


def _after(found: list[Object], params: Object, limit: int) -> tuple[list[Object], bool]:
    identifiers = [item["id"] for item in found]
    if cursor := params.get("starting_after"):
        if cursor not in identifiers:
            raise missing("object", cursor[:80], "starting_after")
        found = found[identifiers.index(cursor) + 1 :]
    elif cursor := params.get("ending_before"):
        if cursor not in identifiers:
            raise missing("object", cursor[:80], "ending_before")
        newer = found[: identifiers.index(cursor)]
        return newer[-limit:], len(newer) > limit
    return found[:limit], len(found) > limit


def expanded(store: Store, changed: dict[str, Object], answer: Object, paths: list[str]) -> Object:
    """The answer with the named references replaced by the objects (`expand[]`).

    `changed` holds what this very request made or changed and the store doesn't know yet.
    """
    if not paths:
        return answer
    answer = copy.deepcopy(answer)
    known = ChainMap(changed, store.objects)
    for path in paths:
        _expand(known, answer, path.split("."), path)
    return answer


def _expand(known: Mapping[str, Object], node: Any, steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    if node.get("object") == "list" and step == "data":
        for item in node["data"]:
            _expand(known, item, rest, path)
        return
    if step not in node or step not in EXPANDABLE:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = node[step]
    if isinstance(value, str) and value in known:
        value = node[step] = copy.deepcopy(known[value])
    if rest and isinstance(value, dict):
        _expand(known, value, rest, path)


def for_client(answer: Object) -> Object:
    """Without what a browser has no business to see (metadata, charges, balance)."""
    if answer.get("object") == "payment_intent":
        return {key: value for key, value in answer.items() if key in FOR_CLIENT}
    if "error" in answer and isinstance(answer["error"].get("payment_intent"), dict):
        error = answer["error"]
        return {"error": {**error, "payment_intent": for_client(error["payment_intent"])}}
    return answer
