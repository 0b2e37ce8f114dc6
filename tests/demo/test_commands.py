"""What can go wrong before anything runs is answered with one clear line that says what to do."""

import errno
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from payportal.demo import addresses
from payportal.demo.children import DemoError
from tests.demo.checkout import copy_to, free_ports


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_to(tmp_path / "checkout")


def run_demo(checkout: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(checkout / "bin/demo"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def only_line(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a refused start printed."""
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("bin/demo: ")
    return lines[0]


def test_an_old_python_is_told_which_one_is_needed(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.10" && exit 0\nexit 1\n')
    old.chmod(0o755)
    for name in ("sh", "dirname", "env"):
        (tools / name).symlink_to(str(shutil.which(name)))
    said = only_line(run_demo(checkout, PATH=str(tools), PYTHON=""))
    assert "Python 3.11 or newer is needed and Python 3.8.10 was found" in said


def test_a_machine_without_python_is_told_so(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "env"):
        (tools / name).symlink_to(str(shutil.which(name)))
    assert "no python3 was found" in only_line(run_demo(checkout, PATH=str(tools), PYTHON=""))


def test_a_python_without_ensurepip_is_told_what_to_install(checkout: Path, tmp_path: Path) -> None:
    """Debian's python3 without python3-venv is one; here a sitecustomize hides the module."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    said = only_line(run_demo(checkout, PYTHON=sys.executable, PYTHONPATH=str(tmp_path)))
    assert "has no ensurepip" in said
    assert "-venv'" in said
    assert not (checkout / ".venv").exists()


def fill(path: Path) -> None:
    """Write until the disk has no room left."""
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 65536)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
class TestSmallDisk:
    """On a disk of 20 MB."""

    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Path]:
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            pytest.skip("this machine lets nobody mount")
        yield disk
        subprocess.run(["umount", "-l", str(disk)], check=True)

    def test_there_is_no_room_for_the_requirements(self, small: Path) -> None:
        said = only_line(run_demo(copy_to(small / "checkout"), PYTHON=sys.executable))
        assert "no disk:" in said
        assert "make room" in said

    def test_a_full_disk_while_installing(self, small: Path) -> None:
        checkout = copy_to(small / "checkout")
        text = (checkout / "bin/lib/prepare.py").read_text()
        # As if others had filled the disk after the look at it.
        (checkout / "bin/lib/prepare.py").write_text(text.replace('"requirements.txt": ', '"requirements.txt": 0 * '))
        fill(small / "filler")
        done = run_demo(checkout, PYTHON=sys.executable)
        assert done.returncode == 1
        assert "no disk" in done.stderr


def test_a_taken_port_is_told_with_the_way_out() -> None:
    port = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        with pytest.raises(DemoError, match=rf"port {port + 1} on 127.0.0.1 is taken: .* bin/demo --port N"):
            addresses.choose("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("192.0.2.99", 8000, "--host 192.0.2.99 is no address of this machine"),
        ("no such host", 8000, "--host no such host: no such address or name"),
        ("x" * 300, 8000, "no such address or name"),
        ("127.0.0.1", 0, "--port 0: choose one from 1 to 65534"),
        ("127.0.0.1", 65535, "--port 65535: choose one"),
    ],
)
def test_an_address_that_cannot_be_listened_on(host: str, port: int, said: str) -> None:
    with pytest.raises(DemoError, match=said):
        addresses.choose(host, port)


def test_an_address_for_everybody_is_not_put_into_links() -> None:
    chosen = addresses.choose("0.0.0.0", free_ports())
    assert chosen.public_host != "0.0.0.0"
    assert chosen.own_host == "127.0.0.1"


def run_manage(checkout: Path, *arguments: str, python: str = sys.executable) -> "subprocess.CompletedProcess[str]":
    """manage.py as a person calls it: with nothing of payportal's in the environment."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    argv = [python, str(checkout / "manage.py"), *arguments]
    return subprocess.run(argv, env=bare, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)


def test_manage_without_settings_says_in_one_line_which_is_missing(checkout: Path) -> None:
    done = run_manage(checkout, "payment_link", "--account", "1")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'manage.py: Environment variable "SECRET_KEY" not set '
        "(docs/settings.md; or start bin/demo and call this beside it)"
    ]


def test_manage_without_django_says_what_makes_the_venv(checkout: Path) -> None:
    done = run_manage(checkout, "help", python=sys._base_executable)
    assert done.stderr.splitlines() == ["manage.py: Django is not installed: run bin/demo once, it makes .venv"]


@pytest.mark.parametrize(
    ("name", "address"),
    [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"), ("REDIS_URL", "redis://127.0.0.1:1/0")],
)
def test_a_service_of_the_environment_that_does_not_answer_is_named_at_once(name: str, address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "payportal.demo.setup_data", "no such file"],
        env={**os.environ, "PAYPORTAL_MODE": "demo", "DJANGO_SETTINGS_MODULE": "payportal.settings", name: address},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"{name} does not answer: ")


def test_ipv6_is_in_brackets_in_links() -> None:
    assert addresses.in_url("::1") == "[::1]"
    assert addresses.in_url("127.0.0.1") == "127.0.0.1"
