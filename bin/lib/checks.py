"""Every check and then the tests; ends with pytest's own summary, and fails if anything failed.

usage: checks.py [--all] [PYTEST ARGUMENTS]

The checks run two at a time, all of them, whatever fails. pytest comes last.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests import environment  # noqa: E402 (only now can it be found)

# pytest's exit codes (pytest's documentation, "Exit codes").
TESTS_FAILED, NOTHING_COLLECTED = 1, 5

# Two files at a time.
EVERYDAY = ("-n", "2", "--dist", "loadfile", "-q")

PYTHON = sys.executable
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Outcome:
    """How one check ended: ``is_failure`` and what to show."""

    name: str
    seconds: float
    is_failure: bool
    said: str
    word: str


def run(name: str, *commands: list[str], settings: Mapping[str, str] | None = None) -> Outcome:
    """Run the commands one after the other until one fails, in the tests' environment or in ``settings``."""
    began = time.monotonic()
    said, code = "", 0
    chosen = settings or {**environment.FIXED, **environment.NO_SERVICES}
    # Nothing of the caller's own settings may mix in.
    inherited = {key: value for key, value in os.environ.items() if key not in environment.FIXED}
    for command in commands:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env={**inherited, **chosen, "DJANGO_SETTINGS_MODULE": "payportal.settings"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said, code = said + done.stdout, done.returncode
        if code:
            break
    return Outcome(name, time.monotonic() - began, code != 0, said, "FAILED" if code else "ok")


def manage(*arguments: str) -> list[str]:
    return [PYTHON, "-W", "ignore::RuntimeWarning", "manage.py", *arguments]


def ruff() -> Outcome:
    return run("ruff", [str(BIN / "ruff"), "format", "--check", "."], [str(BIN / "ruff"), "check", "."])


def mypy() -> Outcome:
    return run("mypy", [PYTHON, "-m", "mypy", "--no-error-summary"])


def import_linter() -> Outcome:
    return run("import-linter", [str(BIN / "lint-imports")])


def migrations() -> Outcome:
    return run("makemigrations --check", manage("makemigrations", "--check", "--dry-run"))


def deploy() -> Outcome:
    """Django's and our own checks on a complete production."""
    command = manage("check", "--deploy", "--fail-level", "WARNING")
    return run("check --deploy", command, settings=environment.PRODUCTION)


def page_scripts() -> Outcome:
    """The pages' JavaScript against Stripe's own types, with the node found here."""
    name = "page scripts (tsc)"
    if not list((CHECKOUT / "static/js").glob("**/*.js")):
        return Outcome(name, 0, False, "", "nothing to check")
    if not (shutil.which("node") and shutil.which("npm")):
        return _left_out(name, "no node and npm on this machine (apt-get install nodejs npm)")
    if not _node_packages_are_current():
        installed = run(name, ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        if installed.is_failure:
            return _left_out(name, f"npm could not install the types: {installed.said.strip()[-300:]}")
        (CHECKOUT / "node_modules/.lock").write_bytes((CHECKOUT / "package-lock.json").read_bytes())
    return run(name, ["node_modules/.bin/tsc", "--project", "tsconfig.json", "--checkJs", "--strict"])


def _node_packages_are_current() -> bool:
    try:
        installed = (CHECKOUT / "node_modules/.lock").read_bytes()
    except OSError:
        return False
    return installed == (CHECKOUT / "package-lock.json").read_bytes()


def _left_out(name: str, why: str) -> Outcome:
    """A skip that says so; a failure where CI=true."""
    is_failure = os.environ.get("CI") == "true"
    return Outcome(name, 0, is_failure, why, "FAILED" if is_failure else f"skipped: {why}")


CHECKS: tuple[Callable[[], Outcome], ...] = (mypy, ruff, import_linter, migrations, deploy, page_scripts)


def pytest(arguments: list[str]) -> int:
    """The tests; the services they need are started by tests/conftest.py."""
    subprocess.run([PYTHON, "-m", "payportal.catalogs"], cwd=CHECKOUT, check=True)
    if (os.cpu_count() or 1) == 1:
        return one_at_a_time(arguments)
    if not arguments:
        return _run_pytest(*EVERYDAY)
    if arguments != ["--all"]:
        return one_at_a_time(arguments)
    everyday = _run_pytest(*EVERYDAY)
    if everyday == TESTS_FAILED:
        everyday = second_look(["--all"])
    # Kills and long races want the machine for themselves, and come last.
    return max(everyday, one_at_a_time(["--all", "-m", "slow"]))


def one_at_a_time(arguments: list[str]) -> int:
    """One file after the other; with --all what failed among the slow ones gets a second look."""
    code = _run_pytest(*arguments)
    return second_look(arguments) if code == TESTS_FAILED and "--all" in arguments else code


def second_look(arguments: list[str]) -> int:
    """What failed among the slow and browser tests, once more by itself: a busy machine must not pass for a fault.

    They drive real processes against the clock of a machine that others may use. What fails twice, or is none of
    those, is a failure; what passes now is shown by both summaries, and is worth looking into.
    """
    again = [*arguments, "--last-failed", "--last-failed-no-failures", "none"]
    if _run_pytest(*again, "-m", "not slow and not browser", "--collect-only", "-qq") != NOTHING_COLLECTED:
        return TESTS_FAILED
    print("\nbin/test: the slow tests that failed, once more by themselves", flush=True)
    return _run_pytest(*again)


def _run_pytest(*arguments: str) -> int:
    return subprocess.run([PYTHON, "-m", "pytest", *arguments], cwd=CHECKOUT, stdin=subprocess.DEVNULL).returncode


def main() -> int:
    failed = []
    with ThreadPoolExecutor(2) as pool:
        for outcome in pool.map(lambda check: check(), CHECKS):
            print(f"{outcome.name:24} {outcome.word} ({outcome.seconds:.1f} s)", flush=True)
            if outcome.is_failure:
                failed.append(outcome.name)
                print(outcome.said, flush=True)
    code = pytest(sys.argv[1:])
    if failed:
        print(f"bin/test: failed before the tests: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed or code else 0


if __name__ == "__main__":
    sys.exit(main())
