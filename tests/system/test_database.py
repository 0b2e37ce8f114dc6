"""CASES fault 15: PostgreSQL restarted under load: a handful of failed views in friendly words, no double effect."""

import json
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from stripe import WebhookSignature

from billing import links
from tests import environment
from tests.flows.phone import BROWSER
from tests.system.stack import WEB_THREADS, WEB_WORKERS, Stack
from tests.system.story import PROMISED, Story, finish, in_thread, until

pytestmark = pytest.mark.slow

FRIENDLY = "right back"
CONNECTIONS = WEB_WORKERS * WEB_THREADS
HANDFUL = CONNECTIONS
# Long enough for whoever doubles the pauses between attempts to be in a long one when it ends.
OUTAGE_SECONDS = 17.0
SOON_SECONDS = 8.0


class Visitors:
    """People who keep opening their page; what they were answered."""

    def __init__(self, stories: list[Story]) -> None:
        self.urls = [story.stack.base + links.path(story.phone.link) for story in stories]
        self.seen: list[tuple[int, str]] = []
        self.over = threading.Event()

    def look(self, number: int) -> None:
        session = requests.Session()
        session.headers.update({"User-Agent": BROWSER, "Accept-Language": "en"})
        while not self.over.is_set():
            answer = session.get(self.urls[number % len(self.urls)], timeout=45)
            self.seen.append((answer.status_code, answer.text))

    def statuses(self) -> Counter[int]:
        return Counter(status for status, _ in list(self.seen))

    def assert_all_friendly(self) -> None:
        assert set(self.statuses()) <= {200, 503}
        assert all(FRIENDLY in text for status, text in self.seen if status == 503)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["restarted", "killed"])
def test_restarted_while_people_look_and_pay(stack: Stack, how: signal.Signals) -> None:
    stories = [Story(stack).open() for _ in range(6)]
    visitors = Visitors(stories)
    with ThreadPoolExecutor(6) as pool:
        looking = [in_thread(pool, lambda number=number: visitors.look(number)) for number in range(3)]
        try:
            until(lambda: len(visitors.seen) > 5, "visitors")
            paying = [in_thread(pool, lambda story=story: pay(story)) for story in stories]
            until(lambda: sum(story.is_paid() for story in stories[:3]) >= 1, "money under way")
            stack.signal("postgres", how)
            stack.mend()
            for payment in paying:
                payment.result(90)
            calm = len(visitors.seen)
            until(lambda: len(visitors.seen) > calm + 20, "visitors afterwards", 60)
        finally:
            visitors.over.set()
        for each in looking:
            each.result(60)
    assert finish(*stories) < PROMISED
    visitors.assert_all_friendly()
    # Those in the middle of a query when it went, and those who waited for a connection too long.
    assert visitors.statuses()[503] <= HANDFUL
    assert {status for status, _ in visitors.seen[-10:]} == {200}


def pay(story: Story) -> None:
    story.confirm(story.tap_until_answered())


def post_event(stack: Stack) -> int:
    """The answer to a webhook that is Stripe's without doubt."""
    event = {"id": "evt_outage", "type": "payment_intent.created", "created": int(time.time())}
    body = json.dumps({**event, "data": {"object": {"object": "payment_intent", "id": "pi_outage"}}})
    signature = WebhookSignature.generate_signature_header(
        body, environment.FIXED["STRIPE_WEBHOOK_SECRETS"], int(time.time())
    )
    url = f"{stack.base}/webhooks/stripe/default"
    return requests.post(url, data=body, headers={"Stripe-Signature": signature}, timeout=45).status_code


def test_an_outage_costs_its_own_time_and_little_more(stack: Stack) -> None:
    """Pages say so while it lasts, and are there again soon after; webhooks that could not be kept come again."""
    story = Story(stack).open()
    address = stack.base + links.path(story.phone.link)
    started = story.tap()
    stack.kill("postgres")
    story.confirm(started)
    phone = requests.Session()
    phone.headers.update({"User-Agent": BROWSER, "Accept-Language": "en"})
    down_until = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < down_until:
        told = phone.get(address, timeout=45)
        assert told.status_code == 503
        assert FRIENDLY in told.text
        assert told.headers["Retry-After"]
    assert post_event(stack) == 503
    # Not one of them was answered as if it had been kept.
    undelivered = stack.stripe.ask("GET", "/_standin/undelivered")["events"]
    assert len(undelivered) >= 1
    stack.mend()
    back = time.monotonic()
    until(lambda: phone.get(address, timeout=45).status_code == 200, "the page is back", SOON_SECONDS)
    assert finish(story) < PROMISED
    until(lambda: not stack.stripe.ask("GET", "/_standin/undelivered")["events"], "the webhooks came again", 60)
    assert time.monotonic() - back < PROMISED
    # Every connection is good again, not only the lucky threads'.
    again = [requests.get(address, headers=dict(phone.headers), timeout=45).status_code for _ in range(40)]
    assert again.count(503) <= WEB_WORKERS


def test_restarted_at_night_hardly_anybody_notices_in_the_morning(stack: Stack) -> None:
    """Connections that died while nobody used them fail one view in each process, and are all replaced then."""
    story = Story(stack).open()
    address = stack.base + links.path(story.phone.link)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda _: story.phone.session.get(address), range(4 * CONNECTIONS)))
    stack.kill("postgres")
    stack.mend()
    seen = [requests.get(address, headers={"User-Agent": BROWSER}, timeout=45).status_code for _ in range(40)]
    assert set(seen) <= {200, 503}
    assert seen.count(503) <= WEB_WORKERS
