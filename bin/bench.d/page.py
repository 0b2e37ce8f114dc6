"""The payment page: requests per second against a plain Django view of the same size, its queries, and its weight.

The plain view lives in the same gunicorn worker behind the same middleware: four ORM queries, one template, gzip. The
rounds alternate; ratios are of rounds side by side, and their median is shown. The load comes from this process.

usage: bin/bench page [--seconds N] [--rounds N] [--connections N] [--looks N]
"""

import argparse
import gzip
import os
import random
import statistics
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import _load
import _stage
import _world

GOAL = 0.65
BILLS, PACKAGES = 5, 6
KINDS = {
    "plain": "plain view: four queries, one template",
    "page": f"payment page: {BILLS} bills, {PACKAGES} packages, by cookie",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench page")
    parser.add_argument("--seconds", type=float, default=4, help="of each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--looks", type=int, default=400, help="at each kind of refused link")
    options = parser.parse_args()
    with _stage.set_up(with_stripe=False) as stage:
        from django.utils import timezone

        now = timezone.now()
        visited = _world.visited(bills=BILLS, packages=PACKAGES, now=now)
        refused = refused_links(visited, now)
        print(_stage.machine())
        with _stage.web(stage) as worker:
            requests = {
                "plain": _load.get(f"/plain/page/{visited.selector}"),
                "page": _load.get(visited.page, Cookie=f"link={visited.cookie}"),
            }
            rates = compare(stage.web_port, worker, requests, options)
            show_rates(rates, options)
            show_weight({kind: _load.Connection(stage.web_port).ask(request) for kind, request in requests.items()})
            show_refused(stage.web_port, refused, options.looks)
        show_queries(now)


@dataclass(frozen=True)
class Round:
    """Requests per second, and what one of them cost the worker in milliseconds of computing."""

    per_second: float
    cpu_ms: float


def compare(port: int, worker: int, requests: dict[str, bytes], options: argparse.Namespace) -> dict[str, list[Round]]:
    """The rounds of each kind, after one short round that counts for nothing."""
    for request in requests.values():
        _load.rate_for(port, request, seconds=min(1, options.seconds), connections=options.connections)
    rates: dict[str, list[Round]] = {kind: [] for kind in requests}
    for number in range(options.rounds):
        # Who comes first changes: what else the machine does drifts.
        for kind in sorted(requests, reverse=number % 2 == 0):
            before = _stage.cpu_seconds(worker)
            rate = _load.rate_for(port, requests[kind], seconds=options.seconds, connections=options.connections)
            cpu = _stage.cpu_seconds(worker) - before
            rates[kind].append(Round(rate.per_second, cpu / rate.count * 1000))
    return rates


def show_rates(rates: dict[str, list[Round]], options: argparse.Namespace) -> None:
    print(
        f"one gunicorn worker, {_stage.THREADS} threads, {options.connections} connections, "
        f"{options.rounds} rounds of {options.seconds:g} s\n"
    )
    pairs = list(zip(rates["page"], rates["plain"], strict=True))
    by_clock = [page.per_second / plain.per_second for page, plain in pairs]
    by_cpu = [plain.cpu_ms / page.cpu_ms if page.cpu_ms else 0 for page, plain in pairs]
    print(f"{'':56}{'requests/s':>10}{'ratio':>8}{'CPU ms':>8}{'ratio':>8}")
    for kind, clock, cpu in (("plain", 1.0, 1.0), ("page", statistics.median(by_clock), statistics.median(by_cpu))):
        per_second = statistics.median(each.per_second for each in rates[kind])
        cpu_ms = statistics.median(each.cpu_ms for each in rates[kind])
        print(f"{KINDS[kind]:56}{per_second:>10.0f}{clock:>8.0%}{cpu_ms:>8.2f}{cpu:>8.0%}")
    print(f"goal: {GOAL:.0%} of the requests per second; in these rounds {min(by_clock):.0%} to {max(by_clock):.0%}\n")


def show_weight(answers: dict[str, _load.Answer]) -> None:
    """What a phone has to fetch before it can show the page, and what it fetches of ours after that."""
    print(f"{'weight in bytes':56}{'plain':>10}{'gzip 6':>8}")
    for kind, answer in answers.items():
        html = gzip.decompress(answer.body)
        print(f"{KINDS[kind]:56}{len(html):>10}{len(gzip.compress(html, 6)):>8}")
    for name in ("pay.js", "status.js"):
        script = (Path("static/js") / name).read_bytes()
        print(f"{name:56}{len(script):>10}{len(gzip.compress(script, 6)):>8}")
    print("goals: HTML with CSS 6,000 and never over 12,000; our JavaScript 6,000\n")


def refused_links(visited: _world.Visited, now: datetime) -> dict[str, bytes]:
    """Requests for links that open nothing, by what is wrong with them."""
    from billing import links
    from billing.models import PaymentLink
    from payportal.demo import data

    customer = data.customer(data.PRINTED_CUSTOMER)
    made = {"currency": "NOK", "actor": "system:benchmark"}
    past = links.create(customer=customer, now=now - timedelta(days=99), lifetime=timedelta(days=1), **made)
    revoked = links.create(customer=customer, now=now, **made)
    links.revoke(revoked, actor="system:benchmark", now=now)
    unknown = links.create(customer=customer, now=now, **made)
    path_of_unknown = links.path(unknown)
    unknown.events.all().delete()
    PaymentLink.objects.filter(pk=unknown.pk).delete()
    foreign_customer = data.customer(data.SOLMARA_CUSTOMER)
    foreign = links.create(customer=foreign_customer, currency="EUR", actor="system:benchmark", now=now)
    altered = visited.path[:-3] + ("A" if visited.path[-3] != "A" else "B") + visited.path[-2:]
    kinds = {
        "random": f"/p/{'x' * 11}/{'y' * 27}",
        "one letter changed": altered,
        "another operator's": links.path(foreign),
        "expired": links.path(past),
        "withdrawn (only its holder can ask: one query)": links.path(revoked),
        "its row is gone (only we could make it: one query)": path_of_unknown,
    }
    return {kind: _load.get(path) for kind, path in kinds.items()}


def show_refused(port: int, kinds: dict[str, bytes], looks: int) -> None:
    """Medians of one visitor who asks for each kind in turn; the answers are the same to the byte."""
    connection = _load.Connection(port)
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    said = set()
    order = list(kinds)
    for _ in range(looks):
        # Each comes after each other as often: what was asked before warms or cools what comes next.
        random.shuffle(order)
        for kind in order:
            began = time.perf_counter()
            answer = connection.ask(kinds[kind])
            took[kind].append((time.perf_counter() - began) * 1000)
            said.add((answer.status, gzip.decompress(answer.body), tuple(sorted(answer.headers))))
    print(f"{'links that open nothing':56}{'median ms':>10}")
    for kind, times in took.items():
        print(f"{kind:56}{statistics.median(times):>10.2f}")
    print(f"different answers: {len(said)}\n")
    connection.close()


def show_queries(now: datetime) -> None:
    """How many SQL queries the page makes, by cookie and at its first opening."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    print(f"{'SQL queries':56}{'by cookie':>10}{'first opening':>15}")
    for bills in (BILLS, 50):
        visited = _world.visited(bills=bills, packages=PACKAGES, now=now)
        client = Client(headers={"user-agent": "Mozilla/5.0 (iPhone)"})
        with CaptureQueriesContext(connection) as first:
            assert client.get(visited.path).status_code == 200
        with CaptureQueriesContext(connection) as again:
            assert client.get(visited.page).status_code == 200
        print(f"{f'{bills} bills':56}{len(again):>10}{len(first):>15}")
    print("goal: 6")


if __name__ == "__main__":
    os.chdir(_stage.CHECKOUT)
    main()
