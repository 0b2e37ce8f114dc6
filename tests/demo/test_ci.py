"""What CI runs installs what is missing, and says in one line what it can't install."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
# What `.ci/run` itself calls; ldconfig says which libraries there are.
PLAIN = ("bash", "dirname", "env", "id", "tail")
LIBRARIES = "libatomic.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libatomic.so.1"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout, and beside it the only folder on the PATH: a machine with Python and nothing else."""
    (tmp_path / "checkout/bin").mkdir(parents=True)
    shutil.copytree(SOURCE / ".ci", tmp_path / "checkout/.ci")
    shutil.copytree(SOURCE / "bin/lib", tmp_path / "checkout/bin/lib")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in PLAIN:
        (tools / name).symlink_to(str(shutil.which(name)))
    (tools / "python3").symlink_to(sys.executable)
    program(tools / "ldconfig", f"echo '{LIBRARIES}'")
    return tmp_path


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def is_debian(machine: Path, install: str = "true") -> None:
    """Give it an apt-get that writes down what it is asked for, and the right to use it."""
    tools = machine / "tools"
    program(tools / "apt-get", f'echo "$@" >> {machine}/asked\n[ "$1" = update ] && exit 0\n{install}')
    program(tools / "sudo", 'shift\nexec "$@"')


def ci(machine: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(machine / "checkout/.ci/run"), "--only-install"],
        env={"PATH": str(machine / "tools"), "HOME": str(machine), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_what_is_missing_is_installed(machine: Path) -> None:
    tools = machine / "tools"
    made = " ".join(f"{tools}/{name}" for name in ("chromium", "node", "npm"))
    is_debian(machine, f"for each in {made}; do echo '#!/bin/sh' > $each; /bin/chmod 755 $each; done")
    done = ci(machine)
    assert (done.returncode, done.stderr) == (0, "")
    wanted = "chromium fonts-dejavu-core nodejs npm"
    assert done.stdout == f"installing {wanted} ...\n"
    update, install = (machine / "asked").read_text().splitlines()
    assert update.startswith("update ")
    assert install.startswith("install ")
    assert install.endswith(wanted)
    # What is there is not asked for again.
    assert (ci(machine).stdout, len((machine / "asked").read_text().splitlines())) == ("", 2)


def test_the_library_that_playwright_needs_is_installed(machine: Path) -> None:
    program(machine / "tools/ldconfig", "echo nothing")
    is_debian(machine, "false")
    assert "libatomic1" in ci(machine).stdout


@pytest.mark.parametrize(
    ("prepared", "said"),
    [
        (lambda machine: None, "this is no Debian"),
        (
            lambda machine: is_debian(machine, "echo 'E: Unable to locate package' >&2; exit 100"),
            "could not install it",
        ),
        (lambda machine: is_debian(machine), "this release of Debian has no new enough: chromium"),
    ],
    ids=["no apt-get", "no network", "nothing came of it"],
)
def test_what_cannot_be_installed_is_said_in_a_line(machine: Path, prepared: Callable[[Path], None], said: str) -> None:
    prepared(machine)
    done = ci(machine)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(".ci/run: ")
    assert said in last
    assert "chromium fonts-dejavu-core nodejs npm" in last


def test_who_may_not_install_is_told_what_to_install(machine: Path) -> None:
    is_debian(machine)
    (machine / "tools/id").unlink()
    program(machine / "tools/id", "echo 1000")
    program(machine / "tools/sudo", "echo 'sudo: a password is required' >&2; exit 1")
    assert "only root, or a sudo that asks for no password, can install" in ci(machine).stderr
