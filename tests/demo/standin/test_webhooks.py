"""Every event is signed and sent until it is accepted; switches delay, double, drop and turn them round."""

import time
from pathlib import Path

import stripe

from payportal.demo.stripe_standin import StandIn, WebhookEndpoint
from tests.demo.standin.conftest import SECRET, Receiver, client_of, make_intent, pay, until

PAID = {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}


def test_events_arrive_signed_with_the_object_of_that_moment(sending: StandIn, receiver: Receiver) -> None:
    client = client_of(sending)
    intent = make_intent(client)
    pay(client, intent.id)
    until(lambda: set(receiver.types) == PAID)
    by_type = {event.type: event for event in receiver.events}
    assert by_type["payment_intent.created"].data.object["status"] == "requires_payment_method"
    assert by_type["payment_intent.succeeded"].data.object["status"] == "succeeded"
    assert by_type["payment_intent.succeeded"].api_version == stripe.api_version
    fetched = client.v1.events.retrieve(by_type["payment_intent.created"].id)
    assert fetched.data.object["id"] == intent.id
    until(lambda: sending.store.undelivered == {})


def test_what_is_refused_comes_again(sending: StandIn, receiver: Receiver) -> None:
    receiver.status = 500
    make_intent(client_of(sending))
    until(lambda: len(receiver.refused) >= 2)
    assert len(set(receiver.refused)) == 1
    receiver.status = 200
    until(lambda: receiver.types == ["payment_intent.created"])


def test_every_event_twice(sending: StandIn, receiver: Receiver) -> None:
    """Case "Faults 1"."""
    sending.switches.webhook_copies = 5
    make_intent(client_of(sending))
    until(lambda: len(receiver.events) == 5)
    assert len({event.id for event in receiver.events}) == 1


def test_dropped_events_never_come(sending: StandIn, receiver: Receiver) -> None:
    """Case "Faults 4", webhook never."""
    sending.switches.webhook_drop = 2
    client = client_of(sending)
    for _each in range(3):
        last = make_intent(client).id
    until(lambda: len(receiver.events) == 1)
    assert receiver.events[0].data.object["id"] == last
    until(lambda: sending.store.undelivered == {})


def test_a_batch_is_turned_round(sending: StandIn, receiver: Receiver) -> None:
    """Case "Faults 3"."""
    sending.switches.webhook_reorder = 3
    client = client_of(sending)
    pay(client, make_intent(client).id)
    until(lambda: len(receiver.events) == 3)
    assert receiver.types == ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]


def test_events_are_held_and_delivered_by_hand(sending: StandIn, receiver: Receiver) -> None:
    sending.switches.webhook_hold = True
    client = client_of(sending)
    pay(client, make_intent(client).id)
    newest, middle, oldest = (event["id"] for event in sending.objects("event"))
    assert sending.deliver([middle, newest, newest]) == [200, 200, 200]
    assert [event.id for event in receiver.events] == [middle, newest, newest]
    assert list(sending.store.undelivered) == [oldest]


def test_a_delay_is_kept(sending: StandIn, receiver: Receiver) -> None:
    sending.switches.webhook_delay = 0.6
    begun = time.monotonic()
    make_intent(client_of(sending))
    until(lambda: receiver.events)
    assert time.monotonic() - begun >= 0.6


def test_a_signature_can_be_had_for_a_test_of_ones_own(standin: StandIn, client: stripe.StripeClient) -> None:
    with StandIn(webhook=WebhookEndpoint(secret=SECRET)) as quiet:
        make_intent(client_of(quiet))
        body, header = quiet.signed(quiet.objects("event")[0]["id"])
    assert stripe.Webhook.construct_event(body, header, SECRET).type == "payment_intent.created"


def test_undelivered_events_survive_a_restart(receiver: Receiver, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with StandIn(journal, WebhookEndpoint("http://127.0.0.1:9/nobody", SECRET)) as first:
        intent = make_intent(client_of(first)).id
    with StandIn(journal, WebhookEndpoint(receiver.url, SECRET)):
        until(lambda: receiver.events)
    assert [event.data.object["id"] for event in receiver.events] == [intent]
    with StandIn(journal, WebhookEndpoint(receiver.url, SECRET)) as third:
        assert third.store.undelivered == {}


def test_disputes_and_dashboard_refunds_send_events(sending: StandIn, receiver: Receiver) -> None:
    client = client_of(sending)
    paid = pay(client, make_intent(client).id).id
    sending.refund(paid, 100)
    sending.close_dispute(sending.dispute(paid)["id"], "lost")
    until(
        lambda: (
            set(receiver.types)
            == PAID
            | {"charge.refunded", "refund.created"}
            | {f"charge.dispute.{what}" for what in ("created", "funds_withdrawn", "closed")}
        )
    )
