"""One key, one execution: as Stripe documents it, errors included."""

import threading
from pathlib import Path

import pytest
import stripe

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.conftest import client_of, make_intent, until

CREATE = {"amount": 64800, "currency": "nok"}


def test_the_same_request_is_executed_once(standin: StandIn, client: stripe.StripeClient) -> None:
    first = client.v1.payment_intents.create(CREATE, {"idempotency_key": "attempt-1"})
    second = client.v1.payment_intents.create(CREATE, {"idempotency_key": "attempt-1"})
    assert first.id == second.id
    assert len(standin.objects("payment_intent")) == 1
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert [entry["replayed"] for entry in standin.log] == [False, True]


def test_other_parameters_or_another_address_are_refused(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create(CREATE, {"idempotency_key": "attempt-1"})
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        client.v1.payment_intents.create({**CREATE, "amount": 1}, {"idempotency_key": "attempt-1"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.cancel(intent.id, options={"idempotency_key": "attempt-1"})
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_a_decline_is_repeated_though_the_card_would_now_work(standin: StandIn, client: stripe.StripeClient) -> None:
    """Case "Faults 12": why a key belongs to one attempt."""
    intent = make_intent(client)
    bad = {"payment_method": "pm_card_chargeDeclined", "return_url": "http://shop.test/"}
    for _again in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.confirm(intent.id, bad, {"idempotency_key": "order-7"})
    assert len(standin.objects("charge")) == 1
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.confirm(
            intent.id, {**bad, "payment_method": "pm_card_visa"}, {"idempotency_key": "order-7"}
        )


def test_what_failed_validation_may_be_sent_again(standin: StandIn, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": 1, "color": "red"}, {"idempotency_key": "k"})  # type: ignore[arg-type, typeddict-unknown-key]
    assert client.v1.payment_intents.create(CREATE, {"idempotency_key": "k"}).id


def test_an_error_of_the_endpoint_is_kept(standin: StandIn, client: stripe.StripeClient) -> None:
    for _again in range(2):
        with pytest.raises(stripe.InvalidRequestError) as missing:
            client.v1.payment_intents.cancel("pi_nobody", options={"idempotency_key": "k"})
        assert missing.value.http_status == 404
    assert [entry["replayed"] for entry in standin.log] == [False, True]


def test_a_key_in_flight_is_409(standin: StandIn, client: stripe.StripeClient) -> None:
    standin.switches.add_fault("late", path="/v1/payment_intents", seconds=1.5)
    done: list[stripe.PaymentIntent] = []
    slow = threading.Thread(
        target=lambda: done.append(client.v1.payment_intents.create(CREATE, {"idempotency_key": "k"}))
    )
    slow.start()
    until(lambda: standin.api.in_use.is_in_flight("k"))
    with pytest.raises(stripe.APIError) as busy:
        client_of(standin).v1.payment_intents.create(CREATE, {"idempotency_key": "k"})
    assert busy.value.error is not None
    assert (busy.value.http_status, busy.value.error.code) == (409, "idempotency_key_in_use")
    slow.join()
    again = client.v1.payment_intents.create(CREATE, {"idempotency_key": "k"})
    assert done[0].id == again.id
    assert len(standin.objects("payment_intent")) == 1


def test_eight_threads_with_one_key_make_one_intent(standin: StandIn) -> None:
    barrier = threading.Barrier(8)
    made: list[str] = []

    def tap() -> None:
        client = client_of(standin, retries=5)
        barrier.wait()
        made.append(client.v1.payment_intents.create(CREATE, {"idempotency_key": "k"}).id)

    threads = [threading.Thread(target=tap) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_a_key_is_forgotten_after_a_day(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    with StandIn(tmp_path / "journal", clock=lambda: now[0]) as standin:
        client = client_of(standin)
        first = client.v1.payment_intents.create(CREATE, {"idempotency_key": "k"}).id
        now[0] += 24 * 60 * 60 - 1
        assert client.v1.payment_intents.create(CREATE, {"idempotency_key": "k"}).id == first
        now[0] += 1
        assert client.v1.payment_intents.create(CREATE, {"idempotency_key": "k"}).id != first
