"""The stand-in alone: no Django, no database, and a small receiver of webhooks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from payportal.demo.stripe_standin import StandIn, WebhookEndpoint

SECRET = "whsec_made_up_for_tests"


class Receiver:
    """A webhook endpoint: verifies each delivery with the SDK, keeps it, and answers what it is told to."""

    def __init__(self) -> None:
        self.events: list[stripe.Event] = []
        self.refused: list[str] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], SECRET)
                (receiver.events if receiver.status == 200 else receiver.refused).append(
                    event if receiver.status == 200 else event.id
                )
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe/default"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def until(is_true: Callable[[], object], within: float = 8.0) -> None:
    """Wait for something that happens on another thread, and fail when it doesn't."""
    end = time.monotonic() + within
    while not is_true():
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.01)


def client_of(standin: StandIn, *, retries: int = 0, seconds: float = 5.0) -> stripe.StripeClient:
    """The real SDK, unpatched, talking to the stand-in."""
    return stripe.StripeClient(
        standin.keys.secret,
        base_addresses={"api": standin.base_url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=seconds),
    )


def make_intent(client: stripe.StripeClient, amount: int = 64800, currency: str = "nok") -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {"amount": amount, "currency": currency, "automatic_payment_methods": {"enabled": True}}
    )


def pay(client: stripe.StripeClient, intent_id: str, method: str = "pm_card_visa") -> stripe.PaymentIntent:
    return client.v1.payment_intents.confirm(
        intent_id, {"payment_method": method, "return_url": "http://shop.test/back?a=1"}
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in that sends no webhooks."""
    with StandIn() as running:
        yield running


@pytest.fixture
def sending(receiver: Receiver) -> Iterator[StandIn]:
    """A stand-in that sends its webhooks to the receiver."""
    with StandIn(webhook=WebhookEndpoint(receiver.url, SECRET)) as running:
        yield running


@pytest.fixture
def client(standin: StandIn) -> stripe.StripeClient:
    return client_of(standin)
