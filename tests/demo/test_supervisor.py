"""The demo as a whole: it starts, keeps itself running, stops, and loses nothing when it is killed."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from payportal.demo.announcement import PROCESSES
from tests.demo.checkout import Demo, demo, free_ports, is_running, wait_for

pytestmark = pytest.mark.slow
CHILDREN = [name for name in PROCESSES if name != "supervisor"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all of these tests; each starts it unless it runs, or stops it first."""
    with demo(tmp_path_factory.mktemp("demo")) as one:
        yield one


# What a phone says it is: a robot that previews links gets a page of its own, whatever the link.
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)


def status(url: str) -> int:
    return opened(url)[0]


def page(url: str) -> str:
    """The page without the token of its form, which is new each time."""
    return re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+', r"\1", opened(url)[1])


def opened(url: str) -> tuple[int, str]:
    """The status and the page as a phone gets them, answers that are errors among them."""
    request = urllib.request.Request(url, headers={"User-Agent": PHONE, "Accept-Language": "en"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status), str(answer.read().decode())
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def descendants(pids: dict[str, int]) -> set[int]:
    """The processes of the demo and all that they started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, waiting = set(), list(pids.values())
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def database_of(one: Demo) -> str:
    """The address of the demo's database, found as a program of the same checkout finds it."""
    code = (
        "from payportal.demo import embedded, places\n"
        "print(embedded.Postgres(places.demo_home(), embedded.DURABLE).url())"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=one.checkout, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_works(running: Demo) -> None:
    facts = running.up()
    assert set(facts) >= {"payment_link", "admin_url", "admin_user", "admin_password", "inbox_url", "pids"}
    assert list(facts["pids"]) == list(PROCESSES)
    assert all(is_running(pid) for pid in facts["pids"].values())
    for name in ("payment_link", "admin_url", "inbox_url"):
        assert status(facts[name]) == 200, name
    wait_for(lambda: "Ctrl-C stops everything" in running.output, "the words on the terminal")
    assert facts["payment_link"] in running.output
    assert stat.S_IMODE((running.checkout / ".local/demo.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((running.checkout / ".local").stat().st_mode) == 0o700


def test_manage_speaks_to_the_demo_that_runs(running: Demo) -> None:
    facts = running.up()
    bare = {"PATH": os.environ["PATH"]}
    said = subprocess.run(
        [sys.executable, "manage.py", "payment_link", "--account", "20461"],
        cwd=running.checkout,
        env=bare,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    address = said.stdout.strip()
    assert address.split("/p/")[0] == facts["payment_link"].split("/p/")[0]
    assert status(address) == 200
    assert stat.S_IMODE((running.checkout / ".local/environment.json").stat().st_mode) == 0o600


def test_a_second_run_has_a_fresh_link_and_the_earlier_one_stays_valid(running: Demo) -> None:
    first = running.up()
    assert running.stop() == 0
    assert running.facts() == {}
    assert not (running.checkout / ".local/environment.json").exists()
    assert not any(is_running(pid) for pid in first["pids"].values())
    second = running.start()
    assert second["payment_link"] != first["payment_link"]
    assert second["admin_password"] == first["admin_password"]
    assert [status(facts["payment_link"]) for facts in (first, second)] == [200, 200]


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_that_is_killed_is_started_again(running: Demo, name: str) -> None:
    facts = running.up()
    killed = facts["pids"][name]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: running.pids().get(name) not in (killed, None), f"another {name}", 60)
    wait_for(lambda: all(map(is_running, running.pids().values())), "everybody", 60)
    # A pooled connection to what died may answer once with the friendly page of an outage.
    wait_for(lambda: status(facts["payment_link"]) == 200, "the page")


def test_a_killed_supervisor_leaves_no_process_behind_and_no_data_lost(running: Demo) -> None:
    facts = running.up()
    everybody = descendants(facts["pids"])
    assert len(everybody) > len(PROCESSES)
    with psycopg.connect(database_of(running), autocommit=True) as connection:
        connection.execute("CREATE TABLE written_last (word text)")
        connection.execute("INSERT INTO written_last VALUES ('kept')")
        os.kill(facts["pids"]["supervisor"], signal.SIGKILL)
    running.wait()
    wait_for(lambda: not any(map(is_running, everybody)), "no process left", 15)
    wait_for(lambda: running.facts() == {}, "no demo.json that names dead processes")
    again = running.start()
    with psycopg.connect(database_of(running)) as connection:
        assert connection.execute("SELECT word FROM written_last").fetchall() == [("kept",)]
    assert status(facts["payment_link"]) == 200
    assert again["pids"]["postgres"] != facts["pids"]["postgres"]


def test_everything_killed_at_once_starts_again_on_the_same_data(running: Demo) -> None:
    facts = running.up()
    for pid in descendants(facts["pids"]):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    running.wait()
    running.start()
    assert status(facts["payment_link"]) == 200


def test_ctrl_c_while_it_starts_leaves_nothing_behind(running: Demo) -> None:
    running.down()
    (running.checkout / ".local/log/setup.log").unlink(missing_ok=True)
    running.launch()
    wait_for(lambda: (running.checkout / ".local/log/setup.log").exists(), "the set-up", 60)
    assert running.process
    everybody = descendants({"supervisor": running.process.pid})
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == 0
    wait_for(lambda: not any(map(is_running, everybody)), "no process left")
    assert running.facts() == {}


def test_fresh_forgets_the_earlier_data(running: Demo) -> None:
    first = running.up()
    running.stop()
    second = running.start("--fresh")
    assert second["admin_password"] != first["admin_password"]
    unknown = f"http://127.0.0.1:{running.port}/p/AAAAAAAAAAA/{'A' * 27}"
    assert page(first["payment_link"]) == page(unknown)
    assert page(second["payment_link"]) != page(unknown)


def test_a_second_demo_of_the_same_checkout_is_refused_and_the_first_goes_on(running: Demo) -> None:
    facts = running.up()
    argv = [sys.executable, "-m", "payportal.demo.supervisor", "--port", str(free_ports())]
    refused = subprocess.run(argv, cwd=running.checkout, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"bin/demo: the demo of this checkout is running already (process {facts['pids']['supervisor']})\n"
    )
    assert running.facts() == facts
    assert status(facts["payment_link"]) == 200


def test_host_is_listened_on_and_stands_in_the_links(running: Demo) -> None:
    """Every address of 127.0.0.0/8 is this machine's own on Linux, so this one stands for a network's."""
    running.down()
    facts = running.start("--host", "127.0.0.2")
    assert facts["payment_link"].startswith(f"http://127.0.0.2:{running.port}/p/")
    assert status(facts["payment_link"]) == 200
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", running.port))
    running.stop()


def test_an_ipv6_address_is_listened_on_by_pages_and_stand_in(running: Demo) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    running.down()
    facts = running.start("--host", "::1")
    assert facts["payment_link"].startswith(f"http://[::1]:{running.port}/p/")
    assert f'data-stripe="http://[::1]:{running.port + 1}/' in page(facts["payment_link"])
    assert status(f"http://[::1]:{running.port + 1}/health") == 200
    running.stop()


def test_the_services_of_the_environment_are_used(running: Demo, valkey_url: str) -> None:
    """With DATABASE_URL and REDIS_URL set, no service of our own is started."""
    running.down()
    name = f"demo_{os.getpid()}"
    database_url = os.environ["DATABASE_URL"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            head, _, query = database_url.partition("?")
            url = f"{head.rpartition('/')[0]}/{name}?{query}"
            environment = {**os.environ, "DATABASE_URL": url, "REDIS_URL": valkey_url}
            argv = [sys.executable, "-m", "payportal.demo.supervisor", "--port", str(running.port)]
            running.process = subprocess.Popen(
                argv, cwd=running.checkout, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            facts = wait_for(running.facts, "demo.json", 120)
            assert facts["pids"]["postgres"] is None
            assert facts["pids"]["valkey"] is None
            assert status(facts["payment_link"]) == 200
            running.stop()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
