"""CASES faults 1, 4, 5, 6, 11, 16 on real processes: whatever comes twice or at once has one effect."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests

from billing import links
from billing.models import GatewayEvent, LinkEvent, Payment
from tests.flows.phone import Phone
from tests.system.stack import Stack
from tests.system.story import PROMISED, Patient, Story, finish, in_thread, until

pytestmark = pytest.mark.slow

SWEEPS = ("reconcile_payments", "activation_sweep", "messaging_sweep")
# Two attempts of ten seconds each, and the pause between them.
PAGE_SECONDS = 24.0


def test_two_workers_two_beats_and_every_sweep_by_command_at_once(stack: Stack) -> None:
    """CASES fault 16: with the webhooks lost, everything is the sweeps' to find."""
    second = [stack.another("worker"), stack.another("beat")]
    try:
        stories = [Story(stack).open() for _ in range(6)]
        stack.stripe.switch(webhook_drop=-1)
        for story in stories:
            story.confirm(story.tap())
        commands = [stack.begin(sweep) for sweep in SWEEPS for _ in range(2)]
        for command in commands:
            said, _ = command.communicate(timeout=120)
            assert command.returncode == 0, said
        assert finish(*stories) < PROMISED
    finally:
        for name in second:
            stack.remove(name)


def test_the_same_event_fifty_times_on_eight_threads(stack: Stack) -> None:
    """CASES fault 1: one event row, one effect, all answered 200."""
    stack.stripe.switch(webhook_hold=True)
    story = Story(stack).open()
    story.confirm(story.tap())
    events = stack.stripe.ask("GET", "/_standin/undelivered")["events"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: stack.stripe.ask("POST", "/_standin/deliver", {"events": events}), range(50)))
    assert {status for answer in answers for status in answer["statuses"]} == {200}
    assert GatewayEvent.objects.filter(event_id__in=events).count() == len(events)
    stack.stripe.mend()
    assert finish(story) < PROMISED


def test_the_webhook_never_comes_and_nobody_returns(stack: Stack) -> None:
    """CASES fault 4: the sweep settles within 60 s."""
    stack.stripe.switch(webhook_drop=-1)
    assert finish(Story(stack).pay()) < PROMISED


def test_webhook_return_page_and_sweep_at_the_same_moment(stack: Stack) -> None:
    """CASES fault 5: one effect, one receipt, and the page never says that it failed."""
    stories = [Story(stack).open() for _ in range(12)]
    stack.stripe.switch(webhook_hold=True)
    with ThreadPoolExecutor(4) as pool:
        for story in stories:
            story.confirm(story.tap())
            events = stack.stripe.ask("GET", "/_standin/undelivered")["events"]
            barrier = Barrier(3)

            def returned(story: Story = story, barrier: Barrier = barrier) -> list[requests.Response]:
                barrier.wait(30)
                return [story.phone.get(story.status) for _ in range(3)]

            def told(events: list[str] = events, barrier: Barrier = barrier) -> list[int]:
                barrier.wait(30)
                statuses = stack.stripe.ask("POST", "/_standin/deliver", {"events": events})["statuses"]
                return list(statuses)

            def swept(story: Story = story, barrier: Barrier = barrier) -> list[dict[str, object]]:
                barrier.wait(30)
                return [story.phone.state() for _ in range(2)]

            running = [in_thread(pool, each) for each in (returned, told, swept)]
            pages, statuses, _ = (each.result(60) for each in running)
            assert {page.status_code for page in pages} == {200}
            assert not any("Nothing was taken" in page.text or "declined" in page.text for page in pages)
            assert set(statuses) == {200}
    stack.stripe.mend()
    assert finish(*stories) < PROMISED


def test_double_tap_two_phones_and_two_links(stack: Stack) -> None:
    """CASES fault 6: one PaymentIntent for a link, one capture for a bill."""
    story = Story(stack).open()
    second = Phone(stack.base, story.phone.link)
    other_link = links.create(customer=story.customer, currency="NOK", actor="staff:1", now=story.phone.link.created_at)
    stranger = Phone(stack.base, other_link)
    second.open(), stranger.open()
    phones = [story.phone, second, stranger] * 3
    barrier = Barrier(len(phones))

    def tap(phone: Phone) -> requests.Response:
        barrier.wait(30)
        return phone.pay(story.amount, packages=story.package)

    with ThreadPoolExecutor(len(phones)) as pool:
        answers = list(pool.map(tap, phones))
    started = [answer for answer in answers if answer.status_code == 200]
    assert started
    assert len({answer.json()["client_secret"] for answer in started}) == 1
    assert {answer.status_code for answer in answers} <= {200, 409}
    for answer in started:
        story.status = story.phone.confirm(stack.stripe, answer)  # type: ignore[arg-type]
    assert len(stack.stripe.intents(story.payment.reference)) == 1
    assert finish(story) < PROMISED


def test_stripe_hangs_for_twelve_seconds_while_it_makes_the_payment(stack: Stack) -> None:
    """CASES fault 11: done, but the answer is late. The tap is answered in time, and there is one PaymentIntent."""
    story = Story(stack).open()
    stack.stripe.fault("hang_after", "POST", "/v1/payment_intents", 12)
    began = time.monotonic()
    first = story.tap()
    assert time.monotonic() - began < PAGE_SECONDS
    assert first.status_code in (200, 503)
    assert first.headers["Content-Type"] == "application/json"
    story.confirm(story.tap_until_answered())
    assert len(stack.stripe.intents(story.payment.reference)) == 1
    assert finish(story) < PROMISED


def test_stripe_hangs_for_twelve_seconds_after_charging(stack: Stack) -> None:
    """CASES fault 11: the wallet hears nothing, and asked how it stands Stripe hangs too. Paid once."""
    story = Story(stack).open()
    stack.stripe.switch(webhook_hold=True)
    started = story.tap()
    stack.stripe.fault("hang_after", "POST", "/v1/payment_intents/*/confirm", 12)
    # One for whoever asks first, the page or the sweep; no repeat of theirs gets through either.
    for _ in range(4):
        stack.stripe.fault("hang_after", "GET", "/v1/payment_intents/*", 12)
    with ThreadPoolExecutor(1) as pool:
        confirming = pool.submit(story.confirm, started)
        until(lambda: stack.stripe.took(story.payment.reference), "the charge")
        began = time.monotonic()
        page = story.phone.get(f"/s/{links.status_token(story.payment)}")
        assert time.monotonic() - began < PAGE_SECONDS
        assert page.status_code == 200
        assert "Nothing was taken" not in page.text
        assert isinstance(confirming.exception(60), requests.RequestException)
    again = Phone(stack.base, story.phone.link)
    again.session.__class__ = Patient
    again.open()
    assert again.state()["known"] is True
    stack.stripe.mend()
    assert finish(story) < PROMISED
    assert LinkEvent.objects.filter(payment=story.payment, kind="failed").count() == 0
    assert Payment.objects.filter(customer=story.customer).count() == 1
