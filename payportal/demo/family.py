"""The demo's processes: what each runs and how it tells that it works."""

import http.client
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from payportal.demo import configuration, embedded, places
from payportal.demo.addresses import Address, in_url
from payportal.demo.children import Command
from payportal.demo.embedded import Postgres, Valkey
from payportal.demo.places import CHECKOUT, LOCAL
from payportal.demo.upkeep import Kept

LOG = LOCAL / "log"


@dataclass(frozen=True)
class Plan:
    """Everything that is going to run with these settings: the services, then the set-up, then the programs."""

    settings: Mapping[str, str]
    services: list[Kept]
    make_database: Callable[[], None]
    setup: Command
    programs: list[Kept]


def plan(address: Address, made: Mapping[str, str]) -> Plan:
    """What this run consists of; what DATABASE_URL and REDIS_URL name is used and not started."""
    database_url, redis_url = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    services: list[Kept] = []
    make_database: Callable[[], None] = _nothing
    if not (database_url and redis_url):
        home = places.demo_home()
        postgres, valkey = Postgres(home, embedded.DURABLE), Valkey(home, fsync="everysec")
        if not database_url:
            postgres.prepare()
            services.append(_service(postgres, home.folder / "postgres.log"))
            database_url, make_database = postgres.url(), postgres.make_database
        if not redis_url:
            valkey.prepare()
            services.append(_service(valkey, home.folder / "valkey.log"))
            redis_url = valkey.url()
    own = configuration.settings(address, made, database_url=database_url, redis_url=redis_url)
    environment = configuration.environment(address, own)
    return Plan(own, services, make_database, _setup(environment), _programs(address, environment, made))


def _nothing() -> None:
    """The database that DATABASE_URL names is somebody else's to make."""


def _service(server: Postgres | Valkey, log: Path) -> Kept:
    return Kept(server.command(log), lambda pid: server.answers())


def _setup(environment: Mapping[str, str]) -> Command:
    return Command(
        name="setup",
        argv=[sys.executable, "-m", "payportal.demo.setup_data", str(LOCAL / "admin-password")],
        log=LOG / "setup.log",
        environment=environment,
        directory=CHECKOUT,
        output=LOCAL / ".setup-output",
    )


def _programs(address: Address, environment: Mapping[str, str], made: Mapping[str, str]) -> list[Kept]:
    web = {**environment, "DB_POOL": str(configuration.WEB_THREADS)}
    stripe = {**environment, "STRIPE_WEBHOOK_SECRET": made["STRIPE_WEBHOOK_SECRET"]}
    webhook = f"http://{in_url(address.own_host)}:{address.port}/webhooks/stripe/default"
    stand_in = ["payportal.demo.stripe_standin", "--host", address.host, "--port", str(address.stripe_port)]
    stand_in += ["--journal", str(LOCAL / "stripe.jsonl"), "--webhook-url", webhook]
    gunicorn = ["gunicorn", "--config", "python:payportal.demo.web", "payportal.wsgi:application"]
    return [
        Kept(_module("web", gunicorn, web), _http(address.own_host, address.port, "/healthz")),
        Kept(_module("worker", ["payportal.demo.celery_child", "worker"], environment), _told_ready("worker")),
        Kept(_module("beat", ["payportal.demo.celery_child", "beat"], environment), _told_ready("beat")),
        Kept(_module("stripe", stand_in, stripe), _http(address.own_host, address.stripe_port, "/health")),
    ]


def _module(name: str, arguments: list[str], environment: Mapping[str, str]) -> Command:
    return Command(
        name=name,
        argv=[sys.executable, "-m", *arguments],
        log=LOG / f"{name}.log",
        environment={**environment, "READY_FILE": str(_ready_file(name))},
        directory=CHECKOUT,
    )


def _ready_file(name: str) -> Path:
    return LOCAL / f".ready-{name}"


def _told_ready(name: str) -> Callable[[int], bool]:
    """True once the process itself has written its id into its file."""

    def answers(pid: int) -> bool:
        try:
            return _ready_file(name).read_text() == str(pid)
        except OSError:
            return False

    return answers


def _http(host: str, port: int, path: str) -> Callable[[int], bool]:
    """True once the process answers 200 on this path."""

    def answers(pid: int) -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return answers
