"""The stand-in's answers are held against the SDK's classes and Stripe's own examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.answers import differences, disagreements
from tests.demo.standin.conftest import client_of, make_intent, pay

HERE = Path(__file__).parent
PUBLISHED = HERE.parents[3] / "shared" / "stripe" / "fixtures3.json"
CLASSES = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "payment_method": stripe.PaymentMethod,
    "balance_transaction": stripe.BalanceTransaction,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
}
# In Stripe's example of a charge, but only there when asked for by `expand`.
ONLY_EXPANDED = {"charge": {"refunds"}}


@pytest.fixture(scope="module")
def lived() -> dict[str, list[dict[str, Any]]]:
    """Every kind of object, in every state the stand-in brings it into."""
    with StandIn() as standin:
        client = client_of(standin)
        pay(client, make_intent(client).id, "pm_card_visa_apple_pay")
        for card in ("pm_card_chargeDeclined", "pm_card_chargeDeclinedExpiredCard"):
            with pytest.raises(stripe.CardError):
                pay(client, make_intent(client).id, card)
        pay(client, make_intent(client).id, "pm_card_threeDSecure2Required")
        refused = pay(client, make_intent(client).id, "pm_card_threeDSecure2Required").id
        standin.decide(refused, is_approved=False)
        make_intent(client)
        client.v1.payment_intents.cancel(make_intent(client).id, {"cancellation_reason": "abandoned"})
        for outcome in ("succeed", "fail"):
            standin.advance(pay(client, make_intent(client, currency="eur").id, "pm_sepa_debit").id, outcome)
        pay(client, make_intent(client, currency="eur").id, "pm_sepa_debit")
        disputed = pay(client, make_intent(client).id).id
        client.v1.refunds.create({"payment_intent": disputed, "amount": 5, "reason": "duplicate"})
        standin.close_dispute(standin.dispute(disputed)["id"], "won")
        return {kind: standin.objects(kind) for kind in CLASSES}


def test_every_state_has_been_lived_through(lived: dict[str, list[dict[str, Any]]]) -> None:
    assert {intent["status"] for intent in lived["payment_intent"]} == {
        "requires_payment_method",
        "requires_action",
        "processing",
        "succeeded",
        "canceled",
    }
    assert {charge["status"] for charge in lived["charge"]} == {"pending", "succeeded", "failed"}


@pytest.mark.parametrize("kind", CLASSES)
def test_answers_fit_the_sdks_classes(lived: dict[str, list[dict[str, Any]]], kind: str) -> None:
    assert lived[kind]
    for answer in lived[kind]:
        assert disagreements(CLASSES[kind], answer) == []


@pytest.mark.parametrize("kind", CLASSES)
def test_answers_have_the_shape_of_stripes_examples(lived: dict[str, list[dict[str, Any]]], kind: str) -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"Stripe's published examples are not at {PUBLISHED}")
    example = json.loads(PUBLISHED.read_text())["resources"][kind]
    example = {name: value for name, value in example.items() if name not in ONLY_EXPANDED.get(kind, set())}
    for answer in lived[kind]:
        if kind == "payment_method" and answer["type"] != example["type"]:
            continue
        assert differences(example, answer) == []


@pytest.mark.parametrize("kind", ["payment_intent", "refund", "event"])
def test_answers_have_the_shape_of_our_own_examples(lived: dict[str, list[dict[str, Any]]], kind: str) -> None:
    example = json.loads((HERE / "examples.json").read_text())[kind]
    for answer in lived[kind]:
        assert differences(example, answer) == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("payment_method", ["card"]),
        ("charge", ["payment_method_details", "card"]),
        ("charge", ["outcome"]),
        ("dispute", ["payment_method_details", "card"]),
        ("event", ["request"]),
    ],
)
def test_what_lies_inside_has_the_shape_too(lived: dict[str, list[dict[str, Any]]], kind: str, path: list[str]) -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"Stripe's published examples are not at {PUBLISHED}")
    example: Any = json.loads(PUBLISHED.read_text())["resources"][kind]
    answer: Any = next(each for each in lived[kind] if each.get("paid", True) and each.get("type") != "sepa_debit")
    for step in path:
        example, answer = example[step], answer[step]
    assert [line for line in differences(example, answer) if "risk_level" not in line] == []


def test_the_comparison_sees_what_is_wrong() -> None:
    wrong = {"id": 5, "object": "refund", "colour": "red"}
    found = disagreements(stripe.Refund, wrong)
    assert "colour: unknown to Refund" in found
    assert "id: 5 is no str" in found
    assert "amount: missing" in found
    assert differences({"a": 1, "b": None}, {"a": "1", "c": 2}) == [
        "a: string instead of number",
        "b: only in Stripe's example",
        "c: not in Stripe's example",
    ]
