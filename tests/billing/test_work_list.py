"""What a gateway refuses to speak of reaches a person once, and leaves the list when it speaks again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pytest_django import Settings

from billing import gateway_events, gateways, payments
from billing.gateways.base import GatewayError
from billing.models import AuditEntry, GatewayEvent, InvoiceReservation, Payment
from billing.payments import Opened
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.billing.test_gateway_events import event_body, receive
from tests.billing.test_mishaps import MORE_THAN_STRIPE_TAKES, tap
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def opened(standin: StandIn) -> Opened:
    """A payment that Stripe has an object of."""
    account = world.account(world.customer(owner := world.operator()), world.legal_entity(owner))
    return payments.open_at_gateway(tap(world.link(account.customer), world.bill(account)).pk, NOW)


def use_key(settings: Settings, key: str) -> None:
    """From now on we speak to Stripe with these keys."""
    settings.STRIPE_ACCOUNTS = {"default": replace(settings.STRIPE_ACCOUNTS["default"], secret_key=key)}
    gateways.get.cache_clear()


def flags() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.filter(actor="system:payments").order_by("pk").values_list("verb", "reason"))


def test_another_accounts_keys_call_a_person_once(standin: StandIn, settings: Settings, opened: Opened) -> None:
    use_key(settings, "sk_test_of_somebody_else")
    for seconds in (20, 40, 60):
        payments.reconcile(NOW + timedelta(seconds=seconds))
    payment = Payment.objects.get()
    assert (payment.status, payment.needs_person) == ("created", "gateway_refused")
    assert flags() == [("flag-payment", "gateway_refused")]
    assert InvoiceReservation.objects.filter(released_at=None).count() == 1, "unknown is not canceled"


def test_an_object_that_is_gone_calls_a_person(opened: Opened) -> None:
    Payment.objects.update(gateway_reference="pi_gone")
    payments.reconcile(NOW + timedelta(seconds=20))
    assert Payment.objects.get().needs_person == "gateway_refused"


def test_an_account_without_keys_calls_a_person(opened: Opened) -> None:
    Payment.objects.update(gateway_account="closed")
    payments.reconcile(NOW + timedelta(seconds=20))
    assert Payment.objects.get().needs_person == "gateway_refused"


def test_what_was_left_is_flagged_too_and_kept_until_the_gateway_has_canceled_it(
    settings: Settings, opened: Opened
) -> None:
    key = settings.STRIPE_ACCOUNTS["default"].secret_key
    use_key(settings, "sk_test_of_somebody_else")
    payments.reconcile(NOW + timedelta(minutes=31))
    assert Payment.objects.get().needs_person == "gateway_refused"
    assert InvoiceReservation.objects.filter(released_at=None).exists()
    use_key(settings, key)
    payments.reconcile(NOW + timedelta(minutes=42))
    payment = Payment.objects.get()
    assert (payment.status, payment.needs_person) == ("canceled", "")
    assert not InvoiceReservation.objects.filter(released_at=None).exists()


def test_a_refused_payment_is_asked_about_every_ten_minutes(
    standin: StandIn, settings: Settings, opened: Opened
) -> None:
    use_key(settings, "sk_test_of_somebody_else")
    later = [NOW + timedelta(seconds=20 * step) for step in range(1, 91)]
    assert sum(payments.reconcile(now) for now in later) == 3, "in half an hour"


def test_with_the_right_keys_again_it_leaves_the_list_and_is_paid(
    standin: StandIn, settings: Settings, opened: Opened
) -> None:
    key = settings.STRIPE_ACCOUNTS["default"].secret_key
    world.confirm(standin, opened.client_secret)
    use_key(settings, "sk_test_of_somebody_else")
    payments.reconcile(NOW + timedelta(seconds=20))
    use_key(settings, key)
    payments.reconcile(NOW + timedelta(minutes=11))
    payment = Payment.objects.get()
    assert (payment.status, payment.needs_person) == ("succeeded", "")
    assert flags() == [("flag-payment", "gateway_refused"), ("unflag-payment", "gateway_refused")]
    world.assert_books_balance()


def test_another_reason_stays_though_the_gateway_answers(opened: Opened) -> None:
    Payment.objects.update(needs_person="amount_unlike_asked")
    payments.refresh(opened.payment.pk, NOW)
    assert Payment.objects.get().needs_person == "amount_unlike_asked"


def test_a_sum_that_was_refused_at_once_holds_nothing_and_calls_nobody(opened: Opened) -> None:
    account = opened.payment.customer.accounts.get()
    other = tap(world.link(account.customer), world.bill(account, MORE_THAN_STRIPE_TAKES))
    with pytest.raises(GatewayError):
        payments.open_at_gateway(other.pk, NOW)
    Payment.objects.filter(pk=other.pk).update(
        requested_at=NOW, gateway_request={"version": 1, "amount": other.amount, "currency": "NOK"}
    )
    assert payments.refresh(other.pk, NOW).requested_at is None, "asked again, and refused"
    assert Payment.objects.get(pk=other.pk).needs_person == ""


def test_wrong_keys_do_not_use_up_a_webhook(standin: StandIn, settings: Settings, opened: Opened) -> None:
    key = settings.STRIPE_ACCOUNTS["default"].secret_key
    world.confirm(standin, opened.client_secret)
    event_id = receive(event_body("evt_1", opened.payment.gateway_reference or "")) or 0
    use_key(settings, "sk_test_of_somebody_else")
    assert gateway_events.process(event_id, NOW) is False
    event = GatewayEvent.objects.get()
    assert (event.status, event.error) == ("received", "AuthenticationError")
    use_key(settings, key)
    assert gateway_events.process_waiting(NOW + timedelta(seconds=30)) == 1
    assert Payment.objects.get().status == "succeeded"


def test_a_webhook_that_stays_refused_is_parked_until_its_news_came_another_way(
    standin: StandIn, settings: Settings, opened: Opened
) -> None:
    key = settings.STRIPE_ACCOUNTS["default"].secret_key
    world.confirm(standin, opened.client_secret)
    receive(event_body("evt_1", opened.payment.gateway_reference or ""))
    use_key(settings, "sk_test_of_somebody_else")
    now = NOW
    for _ in range(gateway_events.ATTEMPTS):
        assert GatewayEvent.objects.get().status == "received"
        gateway_events.process_waiting(now)
        now += timedelta(seconds=gateway_events.LONGEST_WAIT_SECONDS)
    assert GatewayEvent.objects.get().status == "parked"
    use_key(settings, key)
    gateway_events.process_waiting(now)
    assert GatewayEvent.objects.get().status == "parked", "nobody knows yet what it had to say"
    payments.refresh(opened.payment.pk, now)
    gateway_events.process_waiting(now)
    event = GatewayEvent.objects.get()
    assert (event.status, event.processed_at) == ("processed", now)
