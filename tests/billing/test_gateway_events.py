"""Webhooks: kept once, believed only after asking."""

import json
import time
from datetime import timedelta

import pytest
import stripe
from django.db import transaction
from django.test import Client

from billing import gateway_events, payments
from billing.models import GatewayEvent, LedgerEntry, Payment
from payportal.demo.stripe_standin import StandIn
from tests import environment, world
from tests.threads import at_once
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = environment.FIXED["STRIPE_WEBHOOK_SECRETS"]


def event_body(event_id: str, reference: str, type_: str = "payment_intent.succeeded") -> bytes:
    """The bytes of an event as Stripe sends it."""
    kind = "charge" if type_.startswith("charge") else "payment_intent"
    subject = (
        {"id": "ch_1", "object": kind, "payment_intent": reference}
        if kind == "charge"
        else {"id": reference, "object": kind}
    )
    return json.dumps(
        {
            "id": event_id,
            "object": "event",
            "type": type_,
            "api_version": "2026-10-28.endive",
            "created": int(NOW.timestamp()),
            "data": {"object": subject},
        }
    ).encode()


def signed(body: bytes, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    """The header by which Stripe proves that it sent these bytes."""
    header = stripe.WebhookSignature.generate_signature_header(
        payload=body.decode(), secret=secret, timestamp=int(time.time()) - age
    )
    return {"Stripe-Signature": header}


def receive(body: bytes, headers: dict[str, str] | None = None) -> int | None:
    return gateway_events.receive(
        gateway_code="stripe", account="default", body=body, headers=headers or signed(body), now=NOW
    )


@pytest.fixture
def paid(standin: StandIn) -> Payment:
    """A payment that Stripe has taken the money for, and that we don't know of yet."""
    return world.taken(standin)


def test_a_webhook_settles_by_asking(paid: Payment) -> None:
    event_id = receive(event_body("evt_1", paid.gateway_reference or ""))
    assert event_id is not None
    assert gateway_events.process(event_id, NOW) is True
    paid.refresh_from_db()
    assert paid.status == "succeeded"
    world.assert_books_balance()


def test_the_same_webhook_twice_is_kept_once_and_processed_once(paid: Payment) -> None:
    body = event_body("evt_1", paid.gateway_reference or "")
    event_id = receive(body)
    assert event_id is not None
    gateway_events.process(event_id, NOW)
    assert receive(body) is None
    assert gateway_events.process(event_id, NOW) is False
    assert GatewayEvent.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="payment").count() == 1


def test_two_events_of_one_fact_have_one_effect(paid: Payment) -> None:
    """CASES fault 2."""
    reference = paid.gateway_reference or ""
    for body in (event_body("evt_1", reference), event_body("evt_2", reference, "charge.succeeded")):
        gateway_events.process(receive(body) or 0, NOW)
    assert LedgerEntry.objects.filter(kind="payment").count() == 1
    assert set(GatewayEvent.objects.values_list("status", flat=True)) == {"processed"}


def test_what_the_webhook_says_is_not_believed(standin: StandIn, paid: Payment) -> None:
    """A signed event that says succeeded of an intent that isn't: the object is asked."""
    other = Payment.objects.get()
    account = world.account(other.customer, world.legal_entity(other.operator))
    link, bill = world.link(other.customer), world.bill(account)
    with transaction.atomic():
        payments.lock_link(link)
        unpaid = payments.start(link=link, invoices=[bill], amount_shown=bill.amount, now=NOW)
    reference = payments.open_at_gateway(unpaid.pk, NOW).payment.gateway_reference
    gateway_events.process(receive(event_body("evt_1", reference or "")) or 0, NOW)
    unpaid.refresh_from_db()
    assert unpaid.status == "created"


def test_a_webhook_of_an_object_whose_creation_was_never_answered_finds_its_payment(
    standin: StandIn, paid: Payment
) -> None:
    Payment.objects.update(gateway_reference=None)
    gateway_events.process(receive(event_body("evt_1", paid.gateway_reference or "")) or 0, NOW)
    assert Payment.objects.get().status == "succeeded"


def test_a_stranger_on_the_same_account_is_nothing_of_ours(standin: StandIn) -> None:
    client = stripe.StripeClient(standin.keys.secret, base_addresses={"api": standin.base_url})
    intent = client.v1.payment_intents.create(
        {"amount": 5, "currency": "nok", "automatic_payment_methods": {"enabled": True}}
    )
    event_id = receive(event_body("evt_1", intent.id)) or 0
    assert gateway_events.process(event_id, NOW) is True
    assert GatewayEvent.objects.get().error == "not ours"


def test_stripe_down_means_later_and_the_sweep_finishes(standin: StandIn, paid: Payment) -> None:
    event_id = receive(event_body("evt_1", paid.gateway_reference or "")) or 0
    standin.switches.add_fault("status_500", method="GET", times=2)
    assert gateway_events.process(event_id, NOW) is False
    assert gateway_events.process_waiting(NOW) == 0
    standin.switches.clear()
    assert gateway_events.process_waiting(NOW + timedelta(seconds=30)) == 1
    paid.refresh_from_db()
    assert paid.status == "succeeded"


def test_a_poison_event_is_parked_and_the_others_go_on(standin: StandIn, paid: Payment) -> None:
    """CASES fault 16."""
    poison = receive(event_body("evt_poison", paid.gateway_reference or "")) or 0
    GatewayEvent.objects.filter(pk=poison).update(attempts=gateway_events.ATTEMPTS - 1)
    standin.switches.add_fault("status_500", method="GET", times=2)
    gateway_events.process(poison, NOW)
    assert GatewayEvent.objects.get(pk=poison).status == "parked"
    standin.switches.clear()
    receive(event_body("evt_2", paid.gateway_reference or ""))
    assert gateway_events.process_waiting(NOW) == 1


def test_an_event_that_fails_in_an_unforeseen_way_is_tried_later(standin: StandIn, paid: Payment) -> None:
    """Its gateway is not configured any more, say; the events after it are processed."""
    for number in (1, 2):
        receive(event_body(f"evt_{number}", paid.gateway_reference or ""))
    GatewayEvent.objects.filter(event_id="evt_1").update(gateway="a gateway that we no longer have")
    assert gateway_events.process_waiting(NOW) == 1
    broken = GatewayEvent.objects.get(event_id="evt_1")
    assert (broken.status, broken.error) == ("received", "KeyError")
    assert broken.next_attempt_at > NOW


def post(client: Client, body: bytes, headers: dict[str, str]) -> int:
    answer = client.post("/webhooks/stripe/default", body, content_type="application/json", headers=headers)
    return answer.status_code


def forged(body: bytes) -> list[tuple[str, bytes, dict[str, str]]]:
    return [
        ("no signature", body, {}),
        ("garbage", body, {"Stripe-Signature": "t=1,v1=zz"}),
        ("another endpoint's secret", body, signed(body, "whsec_other")),
        ("an old one", body, signed(body, age=3600)),
        ("a changed byte", body.replace(b"pi_1", b"pi_2"), signed(body)),
        ("not UTF-8", b"\xff\xfe", {"Stripe-Signature": "t=1,v1=zz"}),
        ("letters no signature has", body, {"Stripe-Signature": "t=1,v1=\u00e6"}),
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_forged_webhook_is_refused_and_nothing_kept(client: Client, standin: StandIn, number: int) -> None:
    """CASES attack 7."""
    world.operator()
    why, body, headers = forged(event_body("evt_1", "pi_1"))[number]
    assert post(client, body, headers) == 400, why
    assert not GatewayEvent.objects.exists()


def test_two_secrets_are_valid_while_they_rotate(client: Client, standin: StandIn, settings) -> None:
    from dataclasses import replace

    from billing import gateways

    world.operator()
    account = replace(settings.STRIPE_ACCOUNTS["default"], webhook_secrets=("whsec_new", "whsec_old"))
    settings.STRIPE_ACCOUNTS = {"default": account}
    gateways.get.cache_clear()
    for number, secret in enumerate(("whsec_new", "whsec_old")):
        body = event_body(f"evt_{number}", "pi_1")
        assert post(client, body, signed(body, secret)) == 200
    body = event_body("evt_9", "pi_1")
    assert post(client, body, signed(body)) == 400


def test_a_missing_secret_fails_closed(client: Client, standin: StandIn, settings) -> None:
    from dataclasses import replace

    from billing import gateways

    world.operator()
    account = replace(settings.STRIPE_ACCOUNTS["default"], webhook_secrets=())
    settings.STRIPE_ACCOUNTS = {"default": account}
    gateways.get.cache_clear()
    body = event_body("evt_1", "pi_1")
    assert post(client, body, signed(body, "")) == 400


def test_a_signed_event_that_no_text_can_hold_is_refused(client: Client, standin: StandIn) -> None:
    """Sent again it would be no better."""
    world.operator()
    body = event_body("evt_1", "pi_1").replace(b"evt_1", b"evt_\\u0000")
    assert post(client, body, signed(body)) == 400
    assert not GatewayEvent.objects.exists()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"id": 1}', b"not json", b'{"data": {"object": 5}}'])
def test_a_signed_body_that_is_no_event_is_refused(client: Client, standin: StandIn, body: bytes) -> None:
    world.operator()
    assert post(client, body, signed(body)) == 400
    assert not GatewayEvent.objects.exists()


def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(client: Client, standin: StandIn) -> None:
    """CASES attack 15."""
    world.operator()
    assert post(client, b"x" * 10_000_000, {"Stripe-Signature": "t=1,v1=zz"}) == 413


def test_an_account_that_is_not_configured_is_not_found(client: Client, standin: StandIn) -> None:
    world.operator()
    body = event_body("evt_1", "pi_1")
    answer = client.post("/webhooks/stripe/nobody", body, content_type="application/json", headers=signed(body))
    assert answer.status_code == 404


def test_fifty_deliveries_on_eight_threads_have_one_effect(paid: Payment) -> None:
    """CASES fault 1: one event row, one booking, all answered 200."""
    body = event_body("evt_1", paid.gateway_reference or "")
    headers = signed(body)

    def deliver() -> list[int]:
        return [post(Client(), body, headers) for _ in range(7)]

    def process() -> int:
        return gateway_events.process_waiting(NOW + timedelta(days=365))

    answers = at_once(*[deliver] * 7, process)
    assert [status for statuses in answers[:7] for status in statuses] == [200] * 49
    assert post(Client(), body, headers) == 200
    gateway_events.process_waiting(NOW + timedelta(days=365))
    assert GatewayEvent.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="payment").count() == 1
    world.assert_books_balance()
