"""The payment page: requests per second against a plain Django view of the same size, its queries, and its weight.

The plain view lives in the same gunicorn worker behind the same middleware: four ORM queries, one template, gzip. The
rounds alternate; ratios are of rounds side by side, and their median is shown. The load comes from this process.

usage: bin/bench page [--seconds N] [--rounds N] [--connections N]
"""

import argparse
import gzip
import os
from datetime import datetime
from pathlib import Path

import _load
import _rounds
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
    options = parser.parse_args()
    with _stage.set_up(with_stripe=False) as stage:
        from django.utils import timezone

        now = timezone.now()
        visited = _world.visited(bills=BILLS, packages=PACKAGES, now=now)
        print(_stage.machine())
        with _stage.web(stage) as worker:
            requests = {
                "plain": _load.get(f"/plain/page/{visited.selector}"),
                "page": _load.get(visited.page, Cookie=f"link={visited.cookie}"),
            }
            plan = _rounds.Plan(options.seconds, options.rounds, options.connections)
            show_rates(_rounds.compare(stage.web_port, worker, requests, plan), options)
            show_weight({kind: _load.Connection(stage.web_port).ask(request) for kind, request in requests.items()})
        show_queries(now)


def show_rates(rounds: dict[str, list[_rounds.Round]], options: argparse.Namespace) -> None:
    print(
        f"one gunicorn worker, {_stage.THREADS} threads, {options.connections} connections, "
        f"{options.rounds} rounds of {options.seconds:g} s\n"
    )
    _rounds.show(rounds, KINDS, "plain")
    by_clock, _by_cpu = _rounds.ratios(rounds["page"], rounds["plain"])
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
