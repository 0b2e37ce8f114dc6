"""What Stripe doesn't know is refused, by the SDK's own types; so is what this version gave up."""

import pytest
import requests
import stripe
from hypothesis import given
from hypothesis import strategies as st

from payportal.demo.stripe_standin import StandIn, form
from payportal.demo.stripe_standin.contract import (
    as_sent,
    assert_log_matches_sdk,
    assert_request_matches_sdk,
)
from payportal.demo.stripe_standin.errors import ApiError
from tests.demo.standin.conftest import make_intent, pay

GOOD = "amount=100&currency=nok"


@pytest.mark.parametrize(
    ("sent", "code", "parameter"),
    [
        ("currency=nok", "parameter_missing", "amount"),
        ("amount=&currency=nok", "parameter_missing", "amount"),
        ("amount=1.5&currency=nok", "parameter_invalid_integer", "amount"),
        (f"{GOOD}&colour=red", "parameter_unknown", "colour"),
        (f"{GOOD}&shipping[name]=x&shipping[address][planet]=Mars", "parameter_unknown", "shipping[address][planet]"),
        (f"{GOOD}&automatic_payment_methods[enabled]=maybe", None, "automatic_payment_methods[enabled]"),
        (f"{GOOD}&automatic_payment_methods=true", None, "automatic_payment_methods"),
        (f"{GOOD}&capture_method=someday", None, "capture_method"),
        (f"{GOOD}&metadata[a][b]=c", None, "metadata[a]"),
        (f"{GOOD}&expand=latest_charge", None, "expand"),
        (f"{GOOD}&payment_method_types[]=card", "payment_method_types_no_longer_supported", "payment_method_types"),
        (f"{GOOD}&amount[value]=1", None, "amount"),
        (f"{GOOD}&customer=cus_nobody", None, "customer"),
    ],
)
def test_wrong_parameters_are_refused(standin: StandIn, sent: str, code: str | None, parameter: str) -> None:
    answer = requests.post(
        f"{standin.base_url}/v1/payment_intents", data=sent, auth=(standin.keys.secret, ""), timeout=5
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error.get("code"), error["param"]) == (
        400,
        "invalid_request_error",
        code,
        parameter,
    )
    assert standin.objects("payment_intent") == []


def test_metadata_may_have_numbers_for_keys(standin: StandIn, client: stripe.StripeClient) -> None:
    client.v1.payment_intents.create({"amount": 1, "currency": "nok", "metadata": {"0": "a", "1": "b"}})
    assert standin.objects("payment_intent")[0]["metadata"] == {"0": "a", "1": "b"}


def test_another_api_version_is_refused(standin: StandIn) -> None:
    client = stripe.StripeClient(
        standin.keys.secret, base_addresses={"api": standin.base_url}, stripe_version="2020-08-27"
    )
    with pytest.raises(stripe.InvalidRequestError, match="only"):
        client.v1.payment_intents.list()


def test_the_contract_passes_what_is_right() -> None:
    assert_request_matches_sdk(
        "post", "/v1/payment_intents", {"amount": 1, "currency": "nok", "metadata": {"a": "b"}, "expand": ["customer"]}
    )
    assert_request_matches_sdk("GET", "/v1/payment_intents", "created[gte]=5&limit=3")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/payment_intents", {"amount": 1}),
        ("/v1/payment_intents", {"amount": 1, "currency": "nok", "amonut": 2}),
        ("/v1/payment_intents", {"amount": 1, "currency": "nok", "payment_method_types": ["card"]}),
        ("/v1/payment_intents/pi_1/cancel", {"cancellation_reason": "bored"}),
        ("/v1/paymentintents", {}),
    ],
)
def test_the_contract_fails_what_is_wrong(path: str, params: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        assert_request_matches_sdk("POST", path, params)


def test_the_log_can_be_held_against_the_contract(standin: StandIn, client: stripe.StripeClient) -> None:
    pay(client, make_intent(client).id)
    assert assert_log_matches_sdk(standin.log) == 2


def test_the_log_holds_no_secrets(standin: StandIn, client: stripe.StripeClient) -> None:
    client.v1.payment_methods.create(
        {"type": "card", "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2034, "cvc": "987"}}
    )
    written = str(list(standin.log))
    assert "4242424242424242" not in written
    assert "987" not in written
    assert standin.keys.secret not in written


NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
TREES = st.dictionaries(
    NAMES,
    st.recursive(st.text(max_size=8), lambda leaf: st.dictionaries(NAMES, leaf, min_size=1, max_size=3)),
    max_size=4,
)


@given(TREES)
def test_the_sdks_encoding_is_read_back(tree: dict[str, object]) -> None:
    from urllib.parse import urlencode

    from stripe._encode import _api_encode

    assert form.decode(urlencode(list(_api_encode(tree)))) == as_sent(tree)


@given(st.text(max_size=60))
def test_any_form_is_read_or_refused(text: str) -> None:
    try:
        status, read = 400, form.decode(text)
    except ApiError as error:
        status, read = error.status, {}
    assert status == 400
    assert isinstance(read, dict)
