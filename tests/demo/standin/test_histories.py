"""Whatever comes in whatever order, and at the same moment: one charge at most, and nothing out of nothing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from payportal.demo.stripe_standin.api import Api, ApiKeys, Request
from payportal.demo.stripe_standin.journal import Journal
from payportal.demo.stripe_standin.server import StandIn
from payportal.demo.stripe_standin.store import Object, Store
from tests.demo.standin.conftest import client_of, make_intent, pay

KEYS = ApiKeys("sk_test_made_up", "pk_test_made_up")
METHODS = ("pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required", "pm_sepa_debit", "pm_nobody")
STEPS = st.one_of(
    st.tuples(st.just("confirm"), st.sampled_from(METHODS)),
    st.tuples(st.just("update"), st.integers(min_value=0, max_value=500)),
    st.tuples(st.just("refund"), st.integers(min_value=1, max_value=500)),
    st.tuples(st.just("cancel"), st.just("abandoned")),
    st.tuples(st.just("key"), st.sampled_from(["a", "b", None])),
)


def requested(step: str, value: object, intent: str) -> tuple[str, dict[str, str]]:
    path = f"/v1/payment_intents/{intent}"
    if step == "confirm":
        return f"{path}/confirm", {"payment_method": str(value), "return_url": "http://shop.test/"}
    if step == "update":
        return path, {"amount": str(value)}
    if step == "cancel":
        return f"{path}/cancel", {"cancellation_reason": str(value)}
    return "/v1/refunds", {"payment_intent": intent, "amount": str(value)}


def assert_sound(store: Store) -> None:
    """What must hold whatever happened."""
    for intent in store.of_kind("payment_intent"):
        charges = [charge for charge in store.of_kind("charge") if charge["payment_intent"] == intent["id"]]
        paid = [charge for charge in charges if charge["paid"]]
        assert len(paid) == (1 if intent["status"] == "succeeded" else 0)
        assert intent["amount_received"] == sum(charge["amount"] for charge in paid)
        for charge in charges:
            refunds = [each["amount"] for each in store.of_kind("refund") if each["charge"] == charge["id"]]
            assert charge["amount_refunded"] == sum(refunds) <= charge["amount_captured"]
    for event in store.of_kind("event"):
        assert event["data"]["object"]["id"] in store.objects


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_any_history_is_sound_and_is_read_back(steps: list[tuple[str, object]]) -> None:
    with TemporaryDirectory() as folder:
        store = Store(Journal(Path(folder) / "journal"))
        api = Api(store, KEYS, deque())
        intent = str(call(api, "/v1/payment_intents", {"amount": "300", "currency": "eur"}, None)["id"])
        key: str | None = None
        for step, value in steps:
            if step == "key":
                key = str(value) if value else None
                continue
            call(api, *requested(step, value, intent), key)
            assert_sound(store)
        store.close()
        again = Store(Journal(Path(folder) / "journal"))
        assert (again.objects, again.private, again.answers) == (store.objects, store.private, store.answers)
        again.close()


def call(api: Api, path: str, params: dict[str, str], key: str | None) -> Object:
    answer = api.call(Request("POST", path, dict(params), KEYS.secret, key))
    assert answer.status in (200, 400, 402, 404)
    return answer.body


def race(*steps: Callable[[], object]) -> list[str]:
    """Run the steps at the same moment; the names of what they raised, or `done`."""
    barrier = threading.Barrier(len(steps))
    ends: list[str] = []

    def run(step: Callable[[], object]) -> None:
        barrier.wait()
        try:
            step()
            ends.append("done")
        except stripe.StripeError as error:
            ends.append(str(error.code))

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(ends)


@pytest.mark.parametrize("_round", range(5))
def test_cancel_and_confirm_at_the_same_moment(standin: StandIn, _round: int) -> None:
    intent = make_intent(client_of(standin)).id
    ends = race(
        lambda: client_of(standin).v1.payment_intents.cancel(intent),
        lambda: pay(client_of(standin), intent),
    )
    assert ends == ["done", "payment_intent_unexpected_state"]
    assert_sound(standin.store)


def test_eight_confirmations_at_the_same_moment_charge_once(standin: StandIn) -> None:
    """Case "Faults 6"."""
    intent = make_intent(client_of(standin)).id
    ends = race(*[lambda: pay(client_of(standin), intent) for _number in range(8)])
    assert ends.count("done") == 1
    assert len(standin.paid_charges()) == 1


def test_eight_refunds_at_the_same_moment_give_back_no_more_than_came(standin: StandIn) -> None:
    paid = pay(client_of(standin), make_intent(client_of(standin), 1000).id).id
    ends = race(
        *[lambda: client_of(standin).v1.refunds.create({"payment_intent": paid, "amount": 300}) for _number in range(8)]
    )
    assert ends.count("done") == 3
    assert_sound(standin.store)
