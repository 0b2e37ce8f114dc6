"""Switching on: jobs per second of two workers against two plain loops, and how long one payment waits for its service.

The plain loop claims a row, commits, makes the same simulator call, marks the row done and commits: no lease, no
service, no order, no timeline, no audit, no event. The second one also writes the service and the order, which is the
least that anybody must. payportal tells the customer too; "nobody to tell" is without that, as the plain loops are.
All run on the same machine in the same minute; the rounds alternate, and medians are shown.

usage: bin/bench activate [--jobs N] [--rounds N] [--latency MS]
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

WORKERS = 2
KINDS = {
    "plain": "plain loop",
    "plain+": "plain loop, service and order too",
    "ours": "payportal",
    "alone": "payportal, nobody to tell",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench activate")
    parser.add_argument("--jobs", type=int, default=400, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 20], help="of the simulated network, in ms")
    parser.add_argument("--worker", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    with database():
        for latency in options.latency:
            show(compare(options.jobs, options.rounds, latency), options, latency)
        waits = time_to_active(20)
        print(
            f"from the gateway's word to the service that is on, through Celery: "
            f"median {statistics.median(waits) * 1000:.0f} ms, slowest of {len(waits)} {max(waits) * 1000:.0f} ms"
        )


def show(rates: dict[str, list[float]], options: argparse.Namespace, latency: int) -> None:
    """The table; ratios are of rounds side by side, and their median."""
    print(f"{WORKERS} workers, {options.jobs} jobs a round, {options.rounds} rounds, network {latency} ms\n")
    print(f"{'':36}{'jobs/s':>8}{'of plain loop':>17}{'of the fuller':>17}")
    for kind, name in KINDS.items():
        line = f"{name:36}{statistics.median(rates[kind]):>8.0f}"
        for plain in ("plain", "plain+"):
            ratios = [mine / theirs for mine, theirs in zip(rates[kind], rates[plain], strict=True)]
            line += f"{statistics.median(ratios):>17.0%}"
        print(line)
    print(flush=True)


@contextmanager
def database() -> Iterator[None]:
    """A migrated database and a simulated network of our own, named in the environment for the workers too."""
    from tests import environment

    os.environ.update(environment.FIXED)
    os.environ["DJANGO_SETTINGS_MODULE"] = "payportal.settings"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["SIMULATOR_STATE"] = str(Path(folder) / "network.jsonl")
        if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
            from payportal.demo import embedded

            services = stack.enter_context(embedded.running())
            os.environ["DATABASE_URL"] = services.postgres.url()
            os.environ["REDIS_URL"] = services.valkey.url()
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield


def compare(jobs: int, rounds: int, latency: int) -> dict[str, list[float]]:
    """Jobs per second of each kind in each round, after one small round that counts for nothing."""
    from tests.activation import made

    os.environ["SIMULATOR_LATENCY_MS"] = str(latency)
    world = made.world()
    for kind in KINDS:
        one_round(kind, world, 20)
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            rates[kind].append(one_round(kind, world, jobs))
    return rates


def one_round(kind: str, world: object, jobs: int) -> float:
    """Two fresh workers, started and warm, do what lies there."""
    from activation.models import ActivationJob

    prepare(world, jobs)
    command = [sys.executable, __file__, "--worker", kind]
    environment = {**os.environ, "PYTHONPATH": "."}
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(WORKERS)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    done = sum(int(worker.stdout.readline()) for worker in workers if worker.stdout)
    took = time.perf_counter() - began
    for worker in workers:
        worker.communicate()
    assert done == jobs, f"{kind} did {done} of {jobs}"
    assert not ActivationJob.objects.exclude(status="done").exists()
    return jobs / took


def prepare(world: object, count: int) -> None:
    """Paid orders of one item each, under way."""
    from django.db import transaction

    from activation import fulfilment, ordering
    from billing.models import Payment
    from tests.activation import made

    assert isinstance(world, made.World)
    payment = Payment.objects.first() or world.tap(world.data)
    with transaction.atomic():
        for _ in range(count):
            order = ordering.place(
                customer=world.customer, legal_entity_account=world.account, packages=[world.films], now=made.NOW
            )
            fulfilment.begin(order, payment_id=payment.pk, now=made.NOW)
        # The hooks would tell the broker of them one by one.
        transaction.get_connection().run_on_commit.clear()


def work(kind: str) -> None:
    """One worker: says that it is ready, waits for the word, and says how many it did."""
    import django

    django.setup()
    from django.db import connection

    from activation.models import ActivationJob
    from activation.provisioners import simulator_state
    from activation.provisioners.simulator import Simulator

    connection.ensure_connection()
    ActivationJob.objects.first()
    Simulator(simulator_state()).look_up("")
    loop = {"plain": plain_loop, "plain+": plain_loop_with_facts, "ours": our_loop, "alone": our_loop_alone}[kind]
    print("ready", flush=True)
    sys.stdin.readline()
    print(loop(), flush=True)


def our_loop() -> int:
    from django.utils import timezone

    from activation import jobs

    return jobs.run_due(timezone.now, limit=1_000_000)


def our_loop_alone() -> int:
    """The floor by itself: no message is written and no worker woken to send it, as in the plain loops."""
    from activation.events import ServiceActivated
    from billing import events

    for handler in [*events._handlers[ServiceActivated], *events._list_handlers[ServiceActivated]]:
        events.unsubscribe(ServiceActivated, handler)
    return our_loop()


def plain_loop() -> int:
    return _plain(lambda job, now: None)


def plain_loop_with_facts() -> int:
    from datetime import datetime

    from activation.models import Activation, ActivationJob

    def write(job: ActivationJob, now: datetime) -> None:
        item = job.order_item
        assert item is not None
        Activation.objects.create(
            customer_id=item.order.customer_id,
            order_item=item,
            device_id=item.device_id,
            reference=job.request["service_reference"],
            service_code=job.request["service_code"],
            names=item.package.names,
            started_at=now,
            ends_at=now + timedelta(days=item.duration_days),
        )
        item.order.status = "completed"
        item.order.completed_at = now
        item.order.save(update_fields=["status", "completed_at"])

    return _plain(write, "order_item__order", "order_item__package")


def _plain(write: object, *related: str) -> int:
    """Claim, commit, call, finish, commit: with Django's ORM, as anybody would write it first."""
    from django.db import transaction
    from django.utils import timezone

    from activation import provisioners
    from activation.models import ActivationJob
    from activation.provisioners.base import ServiceOrder

    network = provisioners.current()
    done = 0
    while True:
        with transaction.atomic():
            waiting = ActivationJob.objects.select_for_update(skip_locked=True, of=("self",)).filter(status="queued")
            job = waiting.select_related(*related).order_by("pk").first() if related else waiting.order_by("pk").first()
            if job is None:
                return done
            job.status = "running"
            job.save(update_fields=["status"])
        network.switch(ServiceOrder(idempotency_key=job.idempotency_key, **job.request))
        now = timezone.now()
        with transaction.atomic():
            write(job, now)  # type: ignore[operator]
            job.status = "done"
            job.done_at = now
            job.save(update_fields=["status", "done_at"])
        done += 1


def time_to_active(count: int) -> list[float]:
    """Seconds from ``payments.settle`` to the Activation, one payment after the other, with a real Celery worker."""
    import redis
    from django.utils import timezone

    from activation.models import Activation
    from billing import payments
    from tests.activation import made

    # The rounds before have left their hints there.
    redis.Redis.from_url(os.environ["REDIS_URL"]).flushdb()
    command = [sys.executable, "-m", "celery", "-A", "payportal", "worker", "-c", str(WORKERS), "-l", "ERROR"]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waits = []
    try:
        for number in range(count + 1):
            world = made.world()
            payment = world.tap(world.films)
            began = time.perf_counter()
            assert payments.settle(payment.pk, made.came(payment), timezone.now())
            deadline = began + 60
            while not Activation.objects.filter(order_item__order__invoice__payment_items__payment=payment).exists():
                assert time.perf_counter() < deadline, "the worker did nothing for a minute"
                time.sleep(0.002)
            # The first one waits for the worker to start.
            if number:
                waits.append(time.perf_counter() - began)
    finally:
        # Cold shutdown: what it still has to send is of no interest.
        worker.send_signal(signal.SIGQUIT)
        worker.wait(60)
    return waits


if __name__ == "__main__":
    main()
