"""Money goes back in parts, never more than came; disputes are opened, won and lost."""

import pytest
import stripe

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.conftest import make_intent, pay


@pytest.fixture
def paid(client: stripe.StripeClient) -> str:
    return pay(client, make_intent(client, 1000).id).id


def test_partial_refunds_and_never_too_much(standin: StandIn, client: stripe.StripeClient, paid: str) -> None:
    """Case "Faults 9"."""
    for amount in (300, 400):
        refund = client.v1.refunds.create({"payment_intent": paid, "amount": amount})
        assert (refund.status, refund.amount) == ("succeeded", amount)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount") as refused:
        client.v1.refunds.create({"payment_intent": paid, "amount": 301})
    assert refused.value.param == "amount"
    (charge,) = standin.objects("charge")
    assert (charge["amount_refunded"], charge["refunded"]) == (700, False)
    assert client.v1.refunds.create({"payment_intent": paid}).amount == 300
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge["id"]})
    assert refused.value.code == "charge_already_refunded"
    assert sum(each["amount"] for each in standin.objects("refund")) == 1000


def test_only_paid_intents_are_refunded(client: stripe.StripeClient) -> None:
    intent = make_intent(client)
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        client.v1.refunds.create({})


def test_a_refund_at_the_dashboard_shows_only_in_events(
    standin: StandIn, client: stripe.StripeClient, paid: str
) -> None:
    before = len(standin.log)
    standin.refund(paid, 250)
    assert len(standin.log) == before
    types = [event.type for event in client.v1.events.list({"limit": 2}).data]
    assert set(types) == {"charge.refunded", "refund.created"}


@pytest.mark.parametrize(("outcome", "balance"), [("won", 0), ("lost", -1000)])
def test_a_dispute_takes_the_money_until_it_is_won(
    standin: StandIn, client: stripe.StripeClient, paid: str, outcome: str, balance: int
) -> None:
    """Case "Faults 10"."""
    dispute = standin.dispute(paid)
    assert client.v1.disputes.retrieve(dispute["id"]).status == "needs_response"
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        client.v1.refunds.create({"payment_intent": paid})
    closed = standin.close_dispute(dispute["id"], outcome)
    assert closed["status"] == outcome
    assert sum(each["amount"] for each in closed["balance_transactions"]) == balance
    types = [event["type"] for event in reversed(standin.objects("event"))]
    reinstated = ["charge.dispute.funds_reinstated"] if outcome == "won" else []
    assert types[-3 - len(reinstated) :] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        *reinstated,
        "charge.dispute.closed",
    ]
