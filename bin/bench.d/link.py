"""Links that open nothing: refused per second against a bare Django view, and the medians of every kind of refusal;
then a campaign: links made and messages queued per second against bare ``bulk_create``, and its memory.

The bare views live in the same gunicorn worker behind the same middleware. The rounds alternate; ratios are of rounds
side by side, and their median is shown.

usage: bin/bench link [--seconds N] [--rounds N] [--connections N] [--looks N] [--customers N ...]
"""

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import _load
import _refused
import _rounds
import _stage
import _world

GOAL = 0.70
KINDS = {
    "plain": "bare view: one sentence",
    "plain-page": "bare view: a page of the same size, there already",
    "forged": "a forged link refused",
    "forged-names": "the same, each time from a browser of another name",
    "expired": "an expired link refused",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench link")
    parser.add_argument("--seconds", type=float, default=4, help="of each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--looks", type=int, default=300, help="at each kind of refusal")
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000], help="of each campaign")
    options = parser.parse_args()
    # Each look at /verify comes from an address of its own.
    os.environ["TRUSTED_PROXY_COUNT"] = "1"
    with _stage.set_up(with_stripe=False) as stage:
        from django.utils import timezone

        now = timezone.now()
        visited = _world.visited(bills=1, packages=1, now=now)
        print(_stage.machine())
        with _stage.web(stage) as worker:
            kinds = _refused.kinds(visited, stage.web_port, now)
            show_rates(stage.web_port, worker, kinds, options)
            show_kinds(stage.web_port, kinds, options.looks)
        show_campaigns(sorted(options.customers), now)


def show_rates(port: int, worker: int, kinds: Sequence[_refused.Kind], options: argparse.Namespace) -> None:
    by_title = {kind.title: kind.asks() for kind in kinds}
    requests = {
        "plain": _load.get("/plain/refusal"),
        "plain-page": _load.get("/plain/refusal-page"),
        "forged": by_title["/p/ one letter changed"],
        "forged-names": _refused.with_names(by_title["/p/ one letter changed"]),
        "expired": by_title["/p/ expired"],
    }
    plan = _rounds.Plan(options.seconds, options.rounds, options.connections, status=404)
    rounds = _rounds.compare(port, worker, requests, plan)
    print(
        f"one gunicorn worker, {_stage.THREADS} threads, {plan.connections} connections, "
        f"{plan.rounds} rounds of {plan.seconds:g} s\n"
    )
    _rounds.show(rounds, KINDS, "plain")
    by_clock, _by_cpu = _rounds.ratios(rounds["forged"], rounds["plain"])
    of_page, of_page_cpu = _rounds.ratios(rounds["forged"], rounds["plain-page"])
    print(
        f"of the bare view with a page: {statistics.median(of_page):.0%}, of its computing "
        f"{statistics.median(of_page_cpu):.0%}\n"
        f"goal: {GOAL:.0%} of the requests per second; in these rounds {min(by_clock):.0%} to {max(by_clock):.0%} of "
        f"one sentence, {min(of_page):.0%} to {max(of_page):.0%} of a page\n"
    )


def show_kinds(port: int, kinds: Sequence[_refused.Kind], looks: int) -> None:
    """Medians of one visitor who asks for each kind in turn; answers that must be alike are so to the byte."""
    connection = _load.Connection(port)
    took: dict[str, list[float]] = {kind.title: [] for kind in kinds}
    said = defaultdict(set)
    order = list(kinds)
    for _ in range(looks):
        # Each comes after each other as often: what was asked before warms or cools what comes next.
        random.shuffle(order)
        for kind in order:
            request = kind.asks()
            began = time.perf_counter()
            answer = connection.ask(request)
            took[kind.title].append((time.perf_counter() - began) * 1000)
            packed = answer.headers.get("content-encoding") == "gzip"
            body = _refused.without_token(gzip.decompress(answer.body) if packed else answer.body)
            said[kind.alike].add((answer.status, body, tuple(sorted(answer.headers))))
    connection.close()
    print(f"{'what opens nothing':56}{'median ms':>10}")
    for title, times in took.items():
        print(f"{title:56}{statistics.median(times):>10.2f}")
    counted = ", ".join(f"{name} {len(answers)}" for name, answers in said.items())
    print(f"different answers but for the form's token: {counted}\n")
    if any(len(answers) > 1 for answers in said.values()):
        raise SystemExit("answers that must be alike are not")


def show_campaigns(sizes: Sequence[int], now: datetime) -> None:
    print(f"{'campaign':56}{'messages/s':>10}{'ratio':>8}{'seconds':>9}{'MB before':>11}{'MB most':>9}")
    for size in sizes:
        fill_up(size, now)
        plain, ours = _campaign("plain", size), _campaign("ours", size)
        for title, done in ((f"{size} by bare bulk_create", plain), (f"{size} by send_links", ours)):
            rate = done["count"] / done["seconds"]
            ratio = rate / (plain["count"] / plain["seconds"])
            print(
                f"{title:56}{rate:>10.0f}{ratio:>8.0%}{done['seconds']:>9.1f}"
                f"{done['before_kb'] / 1024:>11.0f}{done['peak_kb'] / 1024:>9.0f}"
            )


def fill_up(size: int, now: datetime) -> None:
    """So many customers in all of the first operator, each with a bill."""
    from django.db import connection

    from billing.models import BillingAccount, Customer, Invoice, LegalEntity

    entity = LegalEntity.objects.filter(operator__is_default=True).earliest("pk")
    here = Customer.objects.filter(operator_id=entity.operator_id).count()
    for first in range(here, size, 5000):
        customers = Customer.objects.bulk_create(
            Customer(operator_id=entity.operator_id, reference=f"bench-{number}", phone="+447700900000", created_at=now)
            for number in range(first, min(size, first + 5000))
        )
        accounts = BillingAccount.objects.bulk_create(
            BillingAccount(customer=customer, legal_entity=entity, number=customer.reference, created_at=now)
            for customer in customers
        )
        Invoice.objects.bulk_create(
            Invoice(
                account=account,
                legal_entity=entity,
                number=account.number,
                status=Invoice.Status.OPEN,
                currency="NOK",
                amount=39900,
                issued_on=now.date(),
                due_on=now.date() + timedelta(days=10),
                created_at=now,
            )
            for account in accounts
        )
    with connection.cursor() as cursor:
        # As autovacuum would soon; the embedded PostgreSQL has none.
        cursor.execute("ANALYZE")


def _campaign(how: str, size: int) -> dict[str, Any]:
    script = str(_stage.HERE / "_campaign.py")
    environment = {**os.environ, "PYTHONPATH": str(_stage.CHECKOUT)}
    ran = subprocess.run(
        [sys.executable, script, how, f"{how}-{size}"], env=environment, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


if __name__ == "__main__":
    os.chdir(_stage.CHECKOUT)
    main()
