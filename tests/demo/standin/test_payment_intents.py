"""PaymentIntents at the stand-in go through the states Stripe documents, and no others."""

import pytest
import stripe

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.conftest import client_of, make_intent, pay


def test_a_good_card_pays(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is None
    paid = pay(client, intent.id, "pm_card_visa_google_pay")
    assert (paid.status, paid.amount_received) == ("succeeded", 64800)
    charge = client.v1.charges.retrieve(str(paid.latest_charge))
    assert charge.paid
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.wallet is not None
    assert charge.payment_method_details.card.wallet.type == "google_pay"
    assert [event["type"] for event in reversed(standin.objects("event"))] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ],
)
def test_a_declined_card_and_then_a_good_one(
    standin: StandIn, client: stripe.StripeClient, method: str, code: str, decline_code: str
) -> None:
    """Case "Faults 12": the same intent takes the next card."""
    intent = make_intent(client)
    with pytest.raises(stripe.CardError) as refused:
        pay(client, intent.id, method)
    error = refused.value.error
    assert error is not None
    assert (error.code, error.decline_code) == (code, decline_code)
    assert error.payment_intent.id == intent.id
    after = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert (after.status, after.amount_received, after.payment_method) == ("requires_payment_method", 0, None)
    assert after.last_payment_error is not None
    assert after.last_payment_error.decline_code == decline_code
    assert isinstance(after.latest_charge, stripe.Charge)
    assert after.latest_charge.status == "failed"
    assert pay(client, intent.id).status == "succeeded"
    assert len(standin.paid_charges()) == 1
    assert len(standin.objects("charge")) == 2


@pytest.mark.parametrize("changed", [{"amount": 70000}, {"metadata": {"version": "2"}}])
def test_any_update_forgets_the_refusal(client: stripe.StripeClient, changed: dict[str, object]) -> None:
    """The SDK's own words on ``last_payment_error``; a refused update changes nothing."""
    intent = make_intent(client)
    with pytest.raises(stripe.CardError):
        pay(client, intent.id, "pm_card_chargeDeclined")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.update(intent.id, {"amount": -1})
    assert client.v1.payment_intents.retrieve(intent.id).last_payment_error is not None
    assert client.v1.payment_intents.update(intent.id, changed).last_payment_error is None  # type: ignore[arg-type]
    assert client.v1.payment_intents.retrieve(intent.id).last_payment_error is None


@pytest.mark.parametrize("number", ["4000002500003155", "4000000000003220"])
@pytest.mark.parametrize("is_approved", [True, False])
def test_the_bank_is_asked(standin: StandIn, client: stripe.StripeClient, number: str, is_approved: bool) -> None:
    method = client.v1.payment_methods.create(
        {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}}
    )
    intent = make_intent(client)
    asked = pay(client, intent.id, method.id)
    assert asked.status == "requires_action"
    assert asked.next_action is not None
    assert asked.next_action.type == "redirect_to_url"
    assert standin.paid_charges() == []
    standin.decide(intent.id, is_approved=is_approved)
    after = client.v1.payment_intents.retrieve(intent.id)
    if is_approved:
        assert after.status == "succeeded"
    else:
        assert after.status == "requires_payment_method"
        assert after.last_payment_error is not None
        assert after.last_payment_error.code == "payment_intent_authentication_failure"
    standin.decide(intent.id, is_approved=True)  # the page was still open in another tab
    assert len(standin.paid_charges()) == (1 if is_approved else 0)


def test_a_page_that_handles_actions_itself_gets_another_kind_of_action(client: stripe.StripeClient) -> None:
    asked = client.v1.payment_intents.confirm(
        make_intent(client).id,
        {"payment_method": "pm_card_threeDSecure2Required", "return_url": "http://shop.test/", "use_stripe_sdk": True},
    )
    assert asked.next_action is not None
    assert asked.next_action.type == "use_stripe_sdk"
    assert "redirect_to_url" not in asked.next_action.to_dict()


def test_what_is_canceled_stays_canceled(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    pay(client, intent.id, "pm_card_threeDSecure2Required")
    canceled = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason, canceled.next_action) == ("canceled", "abandoned", None)
    assert canceled.canceled_at
    standin.decide(intent.id, is_approved=True)
    for step in (lambda: pay(client, intent.id), lambda: client.v1.payment_intents.cancel(intent.id)):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            step()
        assert refused.value.code == "payment_intent_unexpected_state"
        assert refused.value.error is not None
        assert refused.value.error.payment_intent.status == "canceled"
    assert standin.paid_charges() == []


def test_what_is_paid_can_neither_be_canceled_nor_paid_again(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    pay(client, intent.id)
    steps = (
        lambda: pay(client, intent.id),
        lambda: client.v1.payment_intents.cancel(intent.id),
        lambda: client.v1.payment_intents.update(intent.id, {"amount": 1}),
    )
    for step in steps:
        with pytest.raises(stripe.InvalidRequestError, match="succeeded") as refused:
            step()
        assert refused.value.code == "payment_intent_unexpected_state"
    assert len(standin.paid_charges()) == 1
    client.v1.payment_intents.update(intent.id, {"metadata": {"note": "late"}})
    assert standin.objects("payment_intent")[0]["metadata"] == {"note": "late"}


def test_an_open_intent_takes_another_amount(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    changed = client.v1.payment_intents.update(intent.id, {"amount": 74700, "metadata": {"a": "1", "b": "2"}})
    assert changed.amount == 74700
    client.v1.payment_intents.update(intent.id, {"metadata": {"a": ""}})
    assert standin.objects("payment_intent")[0]["metadata"] == {"b": "2"}
    assert pay(client, intent.id).amount_received == 74700


def test_another_amount_withdraws_the_question_at_the_bank(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    pay(client, intent.id, "pm_card_threeDSecure2Required")
    assert client.v1.payment_intents.update(intent.id, {"amount": 100}).status == "requires_confirmation"
    standin.decide(intent.id, is_approved=True)
    assert standin.paid_charges() == []


@pytest.mark.parametrize(
    ("method", "outcome", "status"),
    [
        ("pm_sepa_debit", None, "succeeded"),
        ("pm_sepa_debit", "fail", "requires_payment_method"),
        ("pm_sepa_debit", "succeed", "succeeded"),
    ],
)
def test_a_debit_is_processing_until_the_bank_answers(
    standin: StandIn, client: stripe.StripeClient, method: str, outcome: str | None, status: str
) -> None:
    intent = make_intent(client, currency="eur")
    started = pay(client, intent.id, method)
    assert started.status == "processing"
    with pytest.raises(stripe.InvalidRequestError, match="status of processing"):
        client.v1.payment_intents.cancel(intent.id)
    standin.advance(intent.id, outcome)
    after = client.v1.payment_intents.retrieve(intent.id)
    assert after.status == status
    assert len(standin.paid_charges()) == (1 if status == "succeeded" else 0)


def test_an_account_that_fails_fails(standin: StandIn, client: stripe.StripeClient) -> None:
    method = client.v1.payment_methods.create(
        {"type": "sepa_debit", "sepa_debit": {"iban": "DE62 3704 0044 0532 0130 01"}}
    )
    intent = make_intent(client, currency="eur")
    pay(client, intent.id, method.id)
    assert standin.advance(intent.id)["last_payment_error"]["code"] == "debit_not_authorized"


@pytest.mark.parametrize(("currency", "amount"), [("jpy", 7000), ("kwd", 12340), ("nok", 1), ("eur", 99_999_999)])
def test_amounts_are_the_currencys_smallest_units(client: stripe.StripeClient, currency: str, amount: int) -> None:
    intent = make_intent(client, amount, currency)
    assert pay(client, intent.id).amount_received == amount


@pytest.mark.parametrize(
    ("currency", "amount", "parameter"),
    [
        ("nok", 0, "amount"),
        ("nok", -5, "amount"),
        ("kwd", 1234, "amount"),
        ("nok", 10**8, "amount"),
        ("xxx", 100, "currency"),
    ],
)
def test_amounts_stripe_would_not_take_are_refused(
    standin: StandIn, client: stripe.StripeClient, currency: str, amount: int, parameter: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        make_intent(client, amount, currency)
    assert refused.value.param == parameter
    assert standin.objects("payment_intent") == []


def test_confirming_needs_a_method_and_a_way_back(client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(intent.id, {"return_url": "http://shop.test/"})
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_without_redirects_no_way_back_is_needed(client: stripe.StripeClient) -> None:
    paid = client.v1.payment_intents.create(
        {
            "amount": 100,
            "currency": "nok",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "payment_method": "pm_card_visa",
            "confirm": True,
        }
    )
    assert paid.status == "succeeded"


def test_lists_have_pages_and_filters(standin: StandIn, client: stripe.StripeClient) -> None:
    made = [make_intent(client, amount).id for amount in range(1, 8)]
    page = client.v1.payment_intents.list({"limit": 3})
    assert [intent.id for intent in page.data] == made[:-4:-1]
    assert page.has_more
    assert [intent.id for intent in page.auto_paging_iter()] == made[::-1]
    created = client.v1.payment_intents.retrieve(made[0]).created
    assert client.v1.payment_intents.list({"created": {"gt": created + 60}}).data == []
    assert len(client.v1.payment_intents.list({"created": {"gte": created - 60}, "limit": 100}).data) == 7


def test_what_is_not_there_is_missing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_nobody")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.retrieve("pi_nobody")


def test_only_our_keys_are_let_in(standin: StandIn) -> None:
    for key in ("sk_test_somebody_else", standin.keys.publishable):
        stranger = stripe.StripeClient(key, base_addresses={"api": standin.base_url})
        with pytest.raises(stripe.AuthenticationError):
            stranger.v1.payment_intents.list()
    assert client_of(standin).v1.payment_intents.list().data == []


def test_expansion_reaches_the_balance(client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    paid = client.v1.payment_intents.confirm(
        intent.id,
        {
            "payment_method": "pm_card_visa",
            "return_url": "http://shop.test/",
            "expand": ["latest_charge.balance_transaction", "payment_method"],
        },
    )
    assert isinstance(paid.latest_charge, stripe.Charge)
    transaction = paid.latest_charge.balance_transaction
    assert isinstance(transaction, stripe.BalanceTransaction)
    assert transaction.net == 64800 - transaction.fee
    assert isinstance(paid.payment_method, stripe.PaymentMethod)


def test_a_wrong_expansion_leaves_no_charge_behind(standin: StandIn, client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.payment_intents.confirm(
            intent.id,
            {"payment_method": "pm_card_visa", "return_url": "http://shop.test/", "expand": ["colour"]},
        )
    assert standin.objects("charge") == []
