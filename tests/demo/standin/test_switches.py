"""Answers that hang, break or refuse, before and after the money was taken."""

from __future__ import annotations

import pytest
import requests
import stripe

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.conftest import client_of, make_intent, until

KEY = {"idempotency_key": "attempt-1"}
WITH = {"payment_method": "pm_card_visa", "return_url": "http://shop.test/"}


@pytest.mark.parametrize("kind", ["hang_before", "reset_before", "status_409", "status_429", "status_500"])
def test_before_means_nothing_was_charged(standin: StandIn, kind: str) -> None:
    """Case "Faults 11"."""
    client = client_of(standin, seconds=0.5)
    intent = make_intent(client)
    standin.switches.add_fault(kind, path="/v1/payment_intents/*/confirm", seconds=2)
    with pytest.raises(stripe.StripeError) as unknown:
        client.v1.payment_intents.confirm(intent.id, WITH, KEY)
    assert not isinstance(unknown.value, stripe.CardError | stripe.InvalidRequestError)
    assert standin.paid_charges() == []
    assert client.v1.payment_intents.confirm(intent.id, WITH, KEY).status == "succeeded"
    assert len(standin.paid_charges()) == 1


@pytest.mark.parametrize("kind", ["hang_after", "reset_after", "broken_body"])
def test_after_means_it_was_charged_and_the_key_tells(standin: StandIn, kind: str) -> None:
    """Case "Faults 11": unknown until asked, one charge."""
    client = client_of(standin, seconds=0.5)
    intent = make_intent(client)
    standin.switches.add_fault(kind, path="/v1/payment_intents/*/confirm", seconds=2)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.confirm(intent.id, WITH, KEY)
    until(standin.paid_charges)
    again = client.v1.payment_intents.confirm(intent.id, WITH, KEY)
    assert again.status == "succeeded"
    assert standin.log[-1]["replayed"]
    assert len(standin.paid_charges()) == 1


def test_an_error_500_after_charging_is_what_the_key_gives(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    standin.switches.add_fault("status_500_after", path="*/confirm")
    for _again in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.payment_intents.confirm(intent.id, WITH, KEY)
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    assert len(standin.paid_charges()) == 1


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "status_409", "status_429", "hang_after"])
def test_the_sdks_own_retry_charges_once(standin: StandIn, kind: str) -> None:
    client = client_of(standin, retries=1, seconds=0.5)
    intent = make_intent(client)
    standin.switches.add_fault(kind, path="*/confirm", seconds=2)
    assert client.v1.payment_intents.confirm(intent.id, WITH).status == "succeeded"
    assert len(standin.paid_charges()) == 1


def test_faults_end_after_so_many_requests(standin: StandIn, client: stripe.StripeClient) -> None:
    standin.switches.add_fault("status_500", method="GET", path="/v1/payment_intents/*", times=2)
    intent = make_intent(client)
    for _time in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.payment_intents.retrieve(intent.id)
    assert client.v1.payment_intents.retrieve(intent.id).id == intent.id


def test_switches_over_http_need_the_secret_key(standin: StandIn) -> None:
    url = f"{standin.base_url}/_standin/switches"
    assert requests.post(url, json={"webhook_drop": 1}, timeout=5).status_code == 401
    mine = {"Authorization": f"Bearer {standin.keys.secret}"}
    fault = {"kind": "hang_after", "path": "*/confirm", "seconds": 3}
    answer = requests.post(url, json={"webhook_drop": 1, "faults": [fault]}, headers=mine, timeout=5)
    assert answer.json()["webhook_drop"] == standin.switches.webhook_drop == 1
    assert standin.switches.faults[0].kind == "hang_after"
    kinds = ({"webhook_delay": "soon"}, {"webhook_hold": 1}, {"webhook_copies": 1.5}, {"debit_seconds": -1})
    for wrong in (*kinds, {"webhook_drip": 1}, {"faults": [{"kind": "explode"}]}, {"faults": [{"sort": "hang_after"}]}):
        assert requests.post(url, json=wrong, headers=mine, timeout=5).status_code == 400
    assert requests.delete(url, headers=mine, timeout=5).json()["faults"] == []
    assert standin.switches.webhook_drop == 0


def test_the_bank_and_the_dashboard_over_http(standin: StandIn, client: stripe.StripeClient) -> None:
    def control(path: str, **given: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {standin.keys.secret}"}
        return requests.post(f"{standin.base_url}/_standin/{path}", json=given, headers=headers, timeout=5)

    intent = make_intent(client, currency="eur").id
    client.v1.payment_intents.confirm(intent, {**WITH, "payment_method": "pm_sepa_debit"})
    assert control(f"advance/{intent}", outcome="succeed").json()["status"] == "succeeded"
    assert control(f"refund/{intent}", amount=100).json()["amount"] == 100
    dispute = control(f"dispute/{intent}", amount=500).json()["id"]
    assert control(f"disputes/{dispute}/close", outcome="won").json()["status"] == "won"
    assert control(f"advance/{intent}").status_code == 400
    assert control("nonsense").status_code == 404


def test_debits_end_by_themselves_if_wanted(standin: StandIn, client: stripe.StripeClient) -> None:
    standin.switches.debit_seconds = 0
    intent = make_intent(client, currency="eur").id
    client.v1.payment_intents.confirm(intent, {**WITH, "payment_method": "pm_sepa_debit"})
    until(standin.paid_charges)
    assert client.v1.payment_intents.retrieve(intent).status == "succeeded"


def test_an_outage_ends_kept_connections_and_loses_nothing(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    standin.stop()
    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.retrieve(intent.id)
    before = standin.base_url
    assert standin.start() == before
    assert client.v1.payment_intents.retrieve(intent.id).id == intent.id
    assert [entry["method"] for entry in standin.log] == ["POST", "GET"]
