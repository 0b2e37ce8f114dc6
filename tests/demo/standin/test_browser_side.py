"""What a browser may do with the publishable key and a client secret, and what it may not see."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.conftest import make_intent, pay


class Tab:
    """Requests as the stand-in's Stripe.js sends them."""

    def __init__(self, standin: StandIn) -> None:
        self.url, self.key = standin.base_url, standin.keys.publishable

    def post(self, path: str, **fields: Any) -> requests.Response:
        return requests.post(f"{self.url}/v1/{path}", data={"key": self.key, **fields}, timeout=5)

    def get(self, path: str, **fields: Any) -> requests.Response:
        return requests.get(f"{self.url}/v1/{path}", params={"key": self.key, **fields}, timeout=5)

    def confirm(self, intent: stripe.PaymentIntent, card: str, **fields: Any) -> requests.Response:
        method = self.post("payment_methods", **{"type": "card", "card[token]": card}).json()["id"]
        secret = {"client_secret": intent.client_secret, "return_url": "http://shop.test/back?a=1"}
        return self.post(f"payment_intents/{intent.id}/confirm", payment_method=method, **secret | fields)


@pytest.fixture
def tab(standin: StandIn) -> Tab:
    return Tab(standin)


def test_a_wallet_pays(standin: StandIn, client: stripe.StripeClient, tab: Tab) -> None:
    intent = client.v1.payment_intents.create({"amount": 100, "currency": "nok", "metadata": {"payment": "7"}})
    answer = tab.confirm(intent, "tok_visa_apple_pay", expected_amount=100, expected_currency="nok")
    assert answer.json()["status"] == "succeeded"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "metadata" not in answer.json()
    assert "latest_charge" not in answer.json()
    seen = tab.get(f"payment_intents/{intent.id}", client_secret=intent.client_secret).json()
    assert seen["status"] == "succeeded"
    assert len(standin.paid_charges(payment="7")) == 1


def test_a_decline_shows_no_metadata_either(client: stripe.StripeClient, tab: Tab) -> None:
    intent = client.v1.payment_intents.create({"amount": 100, "currency": "nok", "metadata": {"payment": "7"}})
    answer = tab.confirm(intent, "tok_chargeDeclined_google_pay")
    error = answer.json()["error"]
    assert (answer.status_code, error["decline_code"]) == (402, "generic_decline")
    assert "metadata" not in error["payment_intent"]


@pytest.mark.parametrize("fields", [{"expected_amount": 99}, {"expected_currency": "sek"}])
def test_only_what_was_shown_is_charged(
    standin: StandIn, client: stripe.StripeClient, tab: Tab, fields: dict[str, Any]
) -> None:
    """Case "Faults 7"."""
    intent = make_intent(client, 100)
    answer = tab.confirm(intent, "tok_visa", **{"expected_amount": 100, "expected_currency": "nok", **fields})
    assert answer.status_code == 400
    assert standin.paid_charges() == []


def test_without_the_client_secret_there_is_nothing(client: stripe.StripeClient, tab: Tab) -> None:
    intent = make_intent(client)
    assert tab.get(f"payment_intents/{intent.id}").status_code == 404
    assert tab.get(f"payment_intents/{intent.id}", client_secret="pi_x_secret_y").status_code == 404
    assert tab.confirm(intent, "tok_visa", client_secret="pi_x_secret_y").status_code == 404


@pytest.mark.parametrize("path", ["payment_intents", "refunds", "payment_intents/pi_1/cancel", "payment_intents/pi_1"])
def test_the_publishable_key_opens_nothing_else(tab: Tab, path: str) -> None:
    assert tab.post(path, amount=1, currency="nok").status_code == 401


def test_a_made_up_card_is_declined(tab: Tab) -> None:
    for number, code in (("4111111111111111", "card_declined"), ("4242424242424241", "incorrect_number")):
        card = {"card[number]": number, "card[exp_month]": 1, "card[exp_year]": 2034}
        assert tab.post("payment_methods", type="card", **card).json()["error"]["code"] == code


def test_the_banks_page_is_a_secret_address(standin: StandIn, client: stripe.StripeClient, tab: Tab) -> None:
    intent = make_intent(client)
    url = tab.confirm(intent, "tok_threeDSecure2Required").json()["next_action"]["redirect_to_url"]["url"]
    page = requests.get(url, timeout=5)
    assert "Approve NOK 648.00?" in page.text
    assert intent.client_secret not in page.text
    assert "form-action 'self' http://shop.test" in page.headers["Content-Security-Policy"]
    guessed = url[:-3] + "abc"
    assert requests.get(guessed, timeout=5).status_code == 404
    assert requests.post(guessed, data={"answer": "approve"}, timeout=5).status_code == 404
    assert standin.paid_charges() == []
    back = requests.post(url, data={"answer": "approve"}, timeout=5, allow_redirects=False)
    assert back.status_code == 303
    assert back.headers["Location"] == (
        f"http://shop.test/back?a=1&payment_intent={intent.id}"
        f"&payment_intent_client_secret={intent.client_secret}&redirect_status=succeeded"
    )
    assert "Nothing to do here" in requests.get(url, timeout=5).text
    assert len(standin.paid_charges()) == 1


def test_a_question_of_a_canceled_intent_charges_nothing(
    standin: StandIn, client: stripe.StripeClient, tab: Tab
) -> None:
    intent = make_intent(client)
    url = tab.confirm(intent, "tok_threeDSecure2Required").json()["next_action"]["redirect_to_url"]["url"]
    client.v1.payment_intents.cancel(intent.id)
    back = requests.post(url, data={"answer": "approve"}, timeout=5, allow_redirects=False)
    assert back.headers["Location"].endswith("redirect_status=failed")
    assert standin.paid_charges() == []


def test_a_phone_is_sent_to_the_name_it_used(standin: StandIn, client: stripe.StripeClient) -> None:
    """With `--host` a phone reaches us by another address than our own server does."""
    intent = make_intent(client)
    answer = requests.post(
        f"{standin.base_url}/v1/payment_intents/{intent.id}/confirm",
        data={
            "key": standin.keys.publishable,
            "client_secret": intent.client_secret,
            "payment_method": "pm_card_threeDSecure2Required",
            "return_url": "http://192.0.2.7:8000/back",
        },
        headers={"Host": "192.0.2.7:8001"},
        timeout=5,
    )
    assert answer.json()["next_action"]["redirect_to_url"]["url"].startswith("http://192.0.2.7:8001/sandbox/bank/")


def test_the_script_defines_stripe_and_uses_nothing_a_strict_policy_forbids(standin: StandIn) -> None:
    answer = requests.get(f"{standin.base_url}/endive/stripe.js", timeout=5)
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "window.Stripe" in answer.text
    for forbidden in ("eval(", "innerHTML", ".style.", "<style", 'setAttribute("style', "onclick"):
        assert forbidden not in answer.text


def test_other_answers_are_closed_to_other_origins(standin: StandIn, client: stripe.StripeClient) -> None:
    answer = requests.get(f"{standin.base_url}/v1/payment_intents", auth=(standin.keys.secret, ""), timeout=5)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_oversized_and_broken_requests_are_refused(standin: StandIn, client: stripe.StripeClient) -> None:
    url = f"{standin.base_url}/v1/payment_intents"
    secret = (standin.keys.secret, "")
    assert requests.post(url, data="a" * 1_000_001, auth=secret, timeout=5).status_code == 413
    assert requests.post(url, data=b"amount=\xff\xfe", auth=secret, timeout=5).status_code == 400
    assert requests.get(f"{standin.base_url}/nowhere", timeout=5).status_code == 404
    paid = pay(client, make_intent(client).id)
    assert paid.status == "succeeded"
