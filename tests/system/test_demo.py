"""The demo as it is run: any of its processes killed (-9) during one payment, and its story ends the same."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from payportal.demo.announcement import PROCESSES
from payportal.demo.stripe_standin import ApiKeys
from tests.demo.checkout import Demo, demo, is_running, wait_for
from tests.flows.phone import Phone
from tests.system.stack import Stripe, children_of
from tests.system.story import PROMISED, Patient

pytestmark = pytest.mark.slow

BILLS_AND_SPORTS = 64800 + 39900 + 9900


class Owner(Phone):
    """Whoever holds the printed link: knows its address and nothing of the database behind it."""

    def __init__(self, running: Demo, facts: dict[str, Any]) -> None:
        parts = urlsplit(facts["payment_link"])
        self.address, self.inbox = facts["payment_link"], facts["inbox_url"]
        super().__init__(f"{parts.scheme}://{parts.netloc}", SimpleNamespace(selector=parts.path.split("/")[2]))  # type: ignore[arg-type]
        self.session.__class__ = Patient
        made = json.loads((running.checkout / ".local/secrets.json").read_text())
        self.stripe = Stripe(f"http://127.0.0.1:{running.port + 1}")
        self.stripe.keys = ApiKeys(made["STRIPE_SECRET_KEY"], made["STRIPE_PUBLISHABLE_KEY"])
        self.network = running.checkout / ".local/network.jsonl"

    def open(self) -> str:
        answer = self.session.get(self.address)
        assert answer.status_code == 200
        self.page = answer.text
        return self.page

    def tap(self) -> requests.Response | None:
        answer = self.pay(BILLS_AND_SPORTS, packages=self.packages()[:1])
        return answer if answer.status_code == 200 else None

    def effects(self) -> list[str]:
        """What the simulated network did."""
        lines = [json.loads(line) for line in self.network.read_text().splitlines()]
        return sorted(line["action"] for line in lines if line["kind"] == "effect")

    def receipts(self) -> list[str]:
        """The receipts that lie in the inbox."""
        return sorted(set(re.findall(r"/r/[\w-]+", self.session.get(self.inbox).text)))

    def assert_ended_well(self, status: str) -> None:
        wait_for(lambda: willing(lambda: "is on" in self.get(status).text), "all is on", PROMISED)
        wait_for(lambda: willing(self.receipts), "the receipt", PROMISED)
        charges = self.stripe.ask("GET", "/v1/charges", {"limit": 100})["data"]
        assert [charge["amount"] for charge in charges if charge["paid"]] == [BILLS_AND_SPORTS]
        assert self.effects() == ["activate", "restore"]
        assert len(self.receipts()) == 1
        assert "Nothing to pay" in self.open() or "Paid" in self.page


def willing(ask: Callable[[], Any]) -> Any:
    """What was answered; nothing while nobody answers."""
    try:
        return ask()
    except requests.RequestException:
        return None


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Demo]:
    with demo(tmp_path) as one:
        yield one


def kill(running: Demo, *names: str) -> None:
    """Kill these children and return when the supervisor has all of them back."""
    before = running.pids()
    for name in names:
        os.kill(before[name], signal.SIGKILL)

    def are_back() -> bool:
        now = running.pids()
        return all(now.get(name) not in (None, before[name]) for name in names)

    wait_for(are_back, f"{', '.join(names)} started again", 60)


def test_every_child_killed_in_turn_during_one_payment(running: Demo) -> None:
    owner = Owner(running, running.start())
    owner.open()
    kill(running, "web")
    kill(running, "postgres")
    wait_for(lambda: willing(lambda: owner.state()["known"]), "the page knows its cookie")
    started = wait_for(lambda: willing(owner.tap), "an answered tap")
    kill(running, "stripe")
    again = wait_for(lambda: willing(owner.tap), "an answered tap")
    assert again.json()["client_secret"] == started.json()["client_secret"]
    status = owner.confirm(owner.stripe, again)  # type: ignore[arg-type]
    kill(running, "worker", "valkey", "beat")
    owner.assert_ended_well(status)


def test_the_supervisor_killed_in_the_middle_of_a_payment(running: Demo) -> None:
    """Nothing of it is left running; started again, it has the data and finishes the story."""
    facts = running.start()
    everybody = {pid for name in PROCESSES for pid in (facts["pids"][name], *children_of(facts["pids"][name]))}
    owner = Owner(running, facts)
    owner.open()
    status = owner.confirm(owner.stripe, wait_for(owner.tap, "an answered tap"))  # type: ignore[arg-type]
    os.kill(facts["pids"]["supervisor"], signal.SIGKILL)
    running.wait()
    wait_for(lambda: not any(map(is_running, everybody)), "no process left", 15)
    second = running.start()
    assert Counter(name for name, pid in second["pids"].items() if pid == facts["pids"][name]) == Counter()
    owner.assert_ended_well(status)
