"""What was answered is never forgotten, whatever kills the process."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import stripe

from payportal.demo.stripe_standin import ApiKeys, StandIn
from payportal.demo.stripe_standin.journal import Journal, JournalError
from tests.demo.standin.conftest import SECRET, Receiver, client_of, make_intent, pay, until

KEYS = ApiKeys("sk_test_made_up_for_tests", "pk_test_made_up_for_tests")
ENVIRONMENT = {
    "STRIPE_SECRET_KEY": KEYS.secret,
    "STRIPE_PUBLISHABLE_KEY": KEYS.publishable,
    "STRIPE_WEBHOOK_SECRET": SECRET,
}


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The stand-in as a process of its own, and its address."""
    command = [sys.executable, "-m", "payportal.demo.stripe_standin", "--port", "0", *arguments]
    running = subprocess.Popen(
        command,
        env={**os.environ, **ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        address = re.search(r"http://\S+", running.stdout.readline())
        yield running, address[0] if address else ""
    finally:
        running.kill()
        running.communicate()


def sdk(url: str) -> stripe.StripeClient:
    return stripe.StripeClient(KEYS.secret, base_addresses={"api": url}, max_network_retries=0)


def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with StandIn(journal, keys=KEYS) as first:
        client = client_of(first)
        paid = pay(client, make_intent(client).id).id
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.confirm(
                make_intent(client).id,
                {"payment_method": "pm_card_chargeDeclined", "return_url": "http://shop.test/"},
                {"idempotency_key": "declined"},
            )
        asked = make_intent(client).id
        pay(client, asked, "pm_card_threeDSecure2Required")
        before = {kind: first.objects(kind) for kind in first.store.kinds}
    with StandIn(journal, keys=KEYS) as second:
        assert {kind: second.objects(kind) for kind in second.store.kinds} == before
        assert client_of(second).v1.refunds.create({"payment_intent": paid}).status == "succeeded"
        assert second.decide(asked, is_approved=True)["status"] == "succeeded"


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path, receiver: Receiver) -> None:
    """Case "Faults 11 and 13": the key still gives the first answer, and the event still arrives."""
    journal = tmp_path / "journal"
    receiver.status = 503
    create = {"amount": 64800, "currency": "nok"}
    with process("--journal", str(journal), "--webhook-url", receiver.url) as (running, url):
        client = sdk(url)
        intent = client.v1.payment_intents.create(create, {"idempotency_key": "k"})
        pay(client, intent.id)
        running.send_signal(signal.SIGKILL)
        running.wait()
    receiver.status = 200
    with process("--journal", str(journal), "--webhook-url", receiver.url) as (_running, url):
        client = sdk(url)
        assert client.v1.payment_intents.create(create, {"idempotency_key": "k"}).id == intent.id
        assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
        until(lambda: "payment_intent.succeeded" in receiver.types)


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    answered: list[str] = []
    for round_number in range(12):
        with process("--journal", str(journal)) as (running, url):
            client = sdk(url)
            assert {each.id for each in client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()} >= set(
                answered
            )
            killer = threading.Timer(0.05 + 0.03 * round_number, running.kill)
            killer.start()
            try:
                while True:
                    answered.append(make_intent(client).id)
            except stripe.StripeError:
                killer.join()
    assert len(answered) > 12


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with StandIn(journal) as first:
        kept = make_intent(client_of(first)).id
        make_intent(client_of(first))
    lines = journal.read_bytes()
    journal.write_bytes(lines[: lines.rindex(b'{"objects":[{') + 100])
    with StandIn(journal) as second:
        assert [intent["id"] for intent in second.objects("payment_intent")] == [kept]
        third = make_intent(client_of(second)).id
    with StandIn(journal) as again:
        assert [intent["id"] for intent in again.objects("payment_intent")] == [third, kept]


def test_a_full_disk_charges_nothing_and_damages_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with StandIn(journal) as standin:
        client = client_of(standin)
        intent = make_intent(client).id
        until(lambda: standin.store.undelivered == {})
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size + 100, hard))
        try:
            with pytest.raises(stripe.APIError):
                pay(client, intent)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert standin.paid_charges() == []
        assert pay(client, intent).status == "succeeded"
    with StandIn(journal) as again:
        assert len(again.paid_charges()) == 1


def test_damage_before_the_end_is_said(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_text('{"objects": []}\nnonsense\n{"objects": []}\n')
    with pytest.raises(JournalError, match="line 2: not JSON"):
        StandIn(journal).start()


def test_one_journal_has_one_process(tmp_path: Path) -> None:
    with StandIn(tmp_path / "journal"), pytest.raises(JournalError, match="in use"):
        Journal(tmp_path / "journal")


def test_reading_writes_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with StandIn(journal) as standin:
        client = client_of(standin)
        intent = make_intent(client).id
        until(lambda: standin.store.undelivered == {})
        size = journal.stat().st_size
        client.v1.payment_intents.retrieve(intent)
        client.v1.payment_intents.list()
        assert journal.stat().st_size == size


def test_the_process_answers_and_ends_cleanly(tmp_path: Path) -> None:
    with process("--journal", str(tmp_path / "journal")) as (running, url):
        answer = requests.get(f"{url}/health", timeout=5)
        assert answer.status_code == 200
        assert answer.text.count("\n") == 1
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=5) == 0


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_made_up"}, "test keys only"),
        ({"STRIPE_SECRET_KEY": "rk_live_made_up"}, "test keys only"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_live_made_up"}, "test keys only"),
        ({"STRIPE_SECRET_KEY": ""}, "test keys only"),
        ({"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET is not set"),
    ],
)
def test_live_or_missing_keys_are_refused(environment: dict[str, str], said: str) -> None:
    with process("--webhook-url", "http://127.0.0.1:9/", **environment) as (running, _url):
        assert running.wait(timeout=10) == 1
        assert running.stderr is not None
        message = running.stderr.read()
    assert said in message
    assert message.count("\n") == 1
    assert "live_made_up" not in message
