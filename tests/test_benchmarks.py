"""Each benchmark runs, in a small size, and says how it compares: its figures are never asserted, they depend on the
machine and on what else it does."""

import os
import re
import subprocess
import sys

import pytest

from payportal.demo.places import CHECKOUT

SMALL = {
    "page": ["--seconds", "0.3", "--rounds", "1", "--connections", "4"],
    "link": ["--seconds", "0.3", "--rounds", "1", "--connections", "4", "--looks", "2", "--customers", "30", "60"],
    "settle": ["--webhooks", "20", "--payments", "4", "--rounds", "1", "--connections", "4"],
    "activate": ["--jobs", "10", "--rounds", "1"],
}


def test_every_benchmark_is_tried_here() -> None:
    here = {path.stem for path in (CHECKOUT / "bin/bench.d").glob("[a-z]*.py")}
    assert here == set(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_it_runs_and_prints_its_ratio(name: str) -> None:
    # Services of its own: a benchmark deletes what it finds.
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, f"bin/bench.d/{name}.py", *SMALL[name]],
        cwd=CHECKOUT,
        env={**environment, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+%", done.stdout), done.stdout
    assert "Traceback" not in done.stdout
