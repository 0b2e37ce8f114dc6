"""Webhooks kept per second against a bare view with the same two inserts, and payments settled per second.

Three things, each with its baseline beside it, rounds alternating:

1. Webhooks verified, stored and answered by one gunicorn worker. The bare view has no middleware, verifies nothing and
   makes two inserts; it is also measured behind payportal's middleware, and with one insert.
2. Settling: two processes that call the verb for stored events, against a plain loop that claims an event, asks the
   same stand-in for Stripe by the same SDK, and books the payment in one transaction with Django's ORM.
3. All of it: webhooks posted to gunicorn, Valkey, a Celery worker with two processes, until the last payment is booked.

usage: bin/bench settle [--webhooks N] [--payments N] [--rounds N] [--connections N]
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import _events
import _load
import _stage

GOAL = 0.5
WORKERS = 2
WEBHOOKS = {
    "bare": ("/bare/webhook", "bare view, two inserts"),
    "bare-one": ("/bare/webhook-of-one", "bare view, one insert"),
    "plain": ("/plain/webhook", "the same two inserts behind payportal's middleware"),
    "ours": ("/webhooks/stripe/default", "payportal: verified, stored, worker woken"),
}
SETTLERS = {"plain": "plain loop: claim, ask, book", "ours": "payportal: gateway_events.process"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench settle")
    parser.add_argument("--webhooks", type=int, default=1000, help="in each round")
    parser.add_argument("--payments", type=int, default=50, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--worker", choices=SETTLERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        _worker(options.worker)
        return
    with _stage.set_up(with_stripe=True) as stage:
        from django.utils import timezone

        from payportal.demo import data

        data.load(timezone.now())
        print(_stage.machine())
        with _stage.web(stage) as web_worker:
            show_webhooks(keep_webhooks(stage, web_worker, options), options)
            show_settling(settle(options), options)
            rates = [all_of_it(stage, options) for _ in range(max(1, options.rounds // 2))]
            print(f"\nfrom webhook to booked, all the way: {statistics.median(rates):.0f} payments/s")


@dataclass
class Measured:
    """What the rounds of one kind gave: per second, and the web worker's computing for one in milliseconds."""

    per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def keep_webhooks(stage: _stage.Stage, web_worker: int, options: argparse.Namespace) -> dict[str, Measured]:
    """Every kind in every round, each event once, after a short round that counts for nothing."""
    measured = {kind: Measured() for kind in WEBHOOKS}
    for number in range(options.rounds + 1):
        count = options.webhooks if number else min(100, options.webhooks)
        for kind in sorted(WEBHOOKS, reverse=number % 2 == 0):
            _forget_events()
            path = WEBHOOKS[kind][0]
            requests = [_events.posted(path, _events.event(f"{kind}-{number}-{each}")) for each in range(count)]
            before = _stage.cpu_seconds(web_worker)
            rate = _load.rate_of(stage.web_port, requests, connections=options.connections)
            if number:
                measured[kind].per_second.append(rate.per_second)
                measured[kind].cpu_ms.append((_stage.cpu_seconds(web_worker) - before) / rate.count * 1000)
    _forget_events()
    return measured


def show_webhooks(measured: dict[str, Measured], options: argparse.Namespace) -> None:
    print(
        f"one gunicorn worker, {_stage.THREADS} threads, {options.connections} connections, "
        f"{options.rounds} rounds of {options.webhooks} webhooks\n"
    )
    print(f"{'':52}{'webhooks/s':>12}{'payportal is':>14}{'CPU ms':>8}{'payportal is':>14}")
    for kind, (_, name) in WEBHOOKS.items():
        clock = _ratio(measured["ours"].per_second, measured[kind].per_second)
        cpu = _ratio(measured[kind].cpu_ms, measured["ours"].cpu_ms)
        shown = ("", "") if kind == "ours" else (f"{clock:.0%}", f"{cpu:.0%}")
        per_second, cpu_ms = statistics.median(measured[kind].per_second), statistics.median(measured[kind].cpu_ms)
        print(f"{name:52}{per_second:>12.0f}{shown[0]:>14}{cpu_ms:>8.2f}{shown[1]:>14}")
    print(f"goal: {GOAL:.0%} of the bare view with two inserts\n")


def _ratio(these: list[float], those: list[float]) -> float:
    """The median of the ratios of rounds side by side."""
    return statistics.median(one / other if other else 0 for one, other in zip(these, those, strict=True))


def _forget_events() -> None:
    """No row and no hint left: every kind writes into equally small tables, and nobody reads the queue here."""
    import redis
    from django.conf import settings

    from billing.models import GatewayEvent

    GatewayEvent.objects.all().delete()
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    client.close()


def settle(options: argparse.Namespace) -> dict[str, list[float]]:
    """Payments booked per second by each kind of worker in each round."""
    rates: dict[str, list[float]] = {kind: [] for kind in SETTLERS}
    for number in range(options.rounds + 1):
        for kind in sorted(SETTLERS, reverse=number % 2 == 0):
            rate = _settle_once(kind, options.payments if number else min(20, options.payments))
            if number:
                rates[kind].append(rate)
    return rates


def _settle_once(kind: str, count: int) -> float:
    """Fresh workers, started and warm, do what lies there."""
    from billing.models import GatewayEvent, Payment

    _forget_events()
    references = _events.paid_at_stripe(count)
    _events.store(references)
    command = [sys.executable, __file__, "--worker", kind]
    environment = {**os.environ, "PYTHONPATH": f"{_stage.CHECKOUT}:{_stage.HERE}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, env=environment, **pipes) for _ in range(WORKERS)]  # type: ignore[call-overload]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    keys = list(GatewayEvent.objects.values_list("pk", flat=True))
    began = time.perf_counter()
    for number, worker in enumerate(workers):
        # As a broker does: each event is one worker's.
        worker.stdin.write(" ".join(map(str, keys[number::WORKERS])) + "\n")
        worker.stdin.flush()
    done = sum(int(worker.stdout.readline()) for worker in workers)
    took = time.perf_counter() - began
    for worker in workers:
        worker.communicate()
    assert done == count, f"{kind} did {done} of {count}"
    assert Payment.objects.filter(gateway_reference__in=references, status="succeeded").count() == count
    return count / took


def show_settling(rates: dict[str, list[float]], options: argparse.Namespace) -> None:
    print(f"{WORKERS} processes, {options.rounds} rounds of {options.payments} payments\n")
    print(f"{'':52}{'payments/s':>12}{'payportal is':>14}")
    for kind, name in SETTLERS.items():
        ratio = "" if kind == "ours" else f"{_ratio(rates['ours'], rates[kind]):.0%}"
        print(f"{name:52}{statistics.median(rates[kind]):>12.0f}{ratio:>14}")


def _worker(kind: str) -> None:
    """One worker: says that it is ready, waits for its events, and says how many it did."""
    import django

    django.setup()
    from django.db import connection

    connection.ensure_connection()
    loop = {"plain": _events.plain_loop, "ours": _our_loop}[kind]
    print("ready", flush=True)
    keys = [int(key) for key in sys.stdin.readline().split()]
    print(loop(keys), flush=True)


def _our_loop(keys: list[int]) -> int:
    from django.utils import timezone

    from billing import gateway_events

    return sum(gateway_events.process(key, timezone.now()) for key in keys)


def all_of_it(stage: _stage.Stage, options: argparse.Namespace) -> float:
    """Payments per second from the first webhook posted until the last payment is booked."""
    from billing.models import Payment

    _forget_events()
    references = _events.paid_at_stripe(options.payments)
    requests = [
        _events.posted(WEBHOOKS["ours"][0], _events.event(f"whole-{reference}", reference)) for reference in references
    ]
    celery = ["-m", "payportal.demo.celery_child", "worker"]
    ready = stage.folder / "worker-is-ready"
    with _stage.program(stage, "worker", celery, READY_FILE=str(ready)):
        _until(ready.exists)
        began = time.perf_counter()
        _load.rate_of(stage.web_port, requests, connections=options.connections)
        waiting = Payment.objects.filter(gateway_reference__in=references).exclude(status="succeeded")
        _until(lambda: not waiting.exists())
        took = time.perf_counter() - began
    ready.unlink()
    return options.payments / took


def _until(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.perf_counter() + seconds
    while not true():
        assert time.perf_counter() < deadline, "nothing happened for two minutes"
        time.sleep(0.02)


if __name__ == "__main__":
    os.chdir(_stage.CHECKOUT)
    main()
