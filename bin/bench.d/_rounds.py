"""Rounds side by side: requests per second, and what one of them costs the web worker in computing."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import _load
import _stage


@dataclass(frozen=True)
class Round:
    """Requests per second, and what one of them cost the worker in milliseconds of computing."""

    per_second: float
    cpu_ms: float


@dataclass(frozen=True)
class Plan:
    """How long is measured, and the answer that all requests get."""

    seconds: float
    rounds: int
    connections: int
    status: int = 200


def compare(
    port: int, worker: int, requests: Mapping[str, bytes | Sequence[bytes]], plan: Plan
) -> dict[str, list[Round]]:
    """The rounds of each kind, after one short round that counts for nothing."""
    for request in requests.values():
        _rate(port, request, plan, min(1, plan.seconds))
    rounds: dict[str, list[Round]] = {kind: [] for kind in requests}
    for number in range(plan.rounds):
        # Who comes first changes: what else the machine does drifts.
        for kind in sorted(requests, reverse=number % 2 == 0):
            before = _stage.cpu_seconds(worker)
            rate = _rate(port, requests[kind], plan, plan.seconds)
            cpu = _stage.cpu_seconds(worker) - before
            rounds[kind].append(Round(rate.per_second, cpu / rate.count * 1000))
    return rounds


def ratios(ours: Sequence[Round], plain: Sequence[Round]) -> tuple[list[float], list[float]]:
    """Of rounds side by side: by the clock, and by computing."""
    pairs = list(zip(ours, plain, strict=True))
    return (
        [one.per_second / other.per_second for one, other in pairs],
        [other.cpu_ms / one.cpu_ms if one.cpu_ms else 0 for one, other in pairs],
    )


def show(rounds: Mapping[str, Sequence[Round]], words: Mapping[str, str], plain: str) -> None:
    """A line for each kind, with the medians and the ratios to one of them."""
    print(f"{'':56}{'requests/s':>10}{'ratio':>8}{'CPU ms':>8}{'ratio':>8}")
    for kind, title in words.items():
        clock, cpu = (statistics.median(each) for each in ratios(rounds[kind], rounds[plain]))
        per_second = statistics.median(each.per_second for each in rounds[kind])
        cpu_ms = statistics.median(each.cpu_ms for each in rounds[kind])
        print(f"{title:56}{per_second:>10.0f}{clock:>8.0%}{cpu_ms:>8.2f}{cpu:>8.0%}")


def _rate(port: int, request: bytes | Sequence[bytes], plan: Plan, seconds: float) -> _load.Rate:
    return _load.rate_for(port, request, seconds=seconds, connections=plan.connections, status=plan.status)
