"""The status page: one payment, told as it goes."""

import re
from datetime import timedelta

import pytest
import requests
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activation.models import Package
from billing import links, payments
from billing.models import Invoice, LinkEvent, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from payportal.pages import access, asking, payer
from tests import world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def payment(standin: StandIn, link: PaymentLink) -> Payment:
    """A payment of both bills and a package, opened at the gateway and not yet confirmed."""
    return begin(link, "sports-weekend")


def begin(link: PaymentLink, *codes: str) -> Payment:
    from activation import checkout

    now = timezone.now()
    bills = list(Invoice.objects.of_customer(link.customer_id, "NOK").owed())
    packages = list(Package.objects.filter(operator=link.operator, code__in=codes))
    amount = sum(bill.amount_due for bill in bills) + sum(package.amount for package in packages)
    made = checkout.start(
        link=link,
        bill_ids=[bill.pk for bill in bills],
        package_ids=[package.pk for package in packages],
        amount_shown=amount,
        now=now,
    )
    return payments.open_at_gateway(made.pk, now).payment


def confirm(standin: StandIn, payment: Payment, card: str = world.GOOD_CARD) -> None:
    world.confirm(standin, payments.open_at_gateway(payment.pk, timezone.now()).client_secret, card)


def switch_everything_on() -> None:
    from activation import jobs

    assert jobs.run_due(timezone.now) > 0


def path(payment: Payment) -> str:
    return f"/s/{links.status_token(payment)}"


def test_it_works(standin: StandIn, phone: Client, payment: Payment) -> None:
    confirm(standin, payment)
    shown = phone.get(path(payment)).content.decode()
    assert "Paid. Thank you!" in shown
    assert "NOK\u00a01,146.00 with" in shown
    assert "Everything is switching on…" in shown
    assert "Sports weekend, living room" in shown


def test_a_payment_under_way_says_so(phone: Client, payment: Payment) -> None:
    shown = phone.get(path(payment)).content.decode()
    assert "Paying NOK\u00a01,146.00" in shown
    assert 'http-equiv="refresh" content="5"' in shown
    assert 'hx-trigger="load delay:250ms, every 1000ms"' in shown


def test_it_shows_nothing_but_this_payment(standin: StandIn, phone: Client, payment: Payment) -> None:
    confirm(standin, payment)
    shown = phone.get(path(payment)).content.decode()
    for private in ("Kari", "Holt", "7700", "20461", "Broadband", links.rest(payment.link)):
        assert private not in shown


def test_nothing_new_is_204_by_one_query(phone: Client, payment: Payment) -> None:
    phone.get(path(payment))
    newest = LinkEvent.objects.filter(payment=payment).latest("pk").pk
    with CaptureQueriesContext(connection) as asked:
        answer = phone.get(f"{path(payment)}/part?v={newest}")
    assert (answer.status_code, answer.content, len(asked)) == (204, b"", 1)


def polled(shown: str) -> str:
    """The address at which a page asks for news."""
    found = re.search(r'hx-get="([^"]+)"', shown)
    assert found
    return found.group(1)


def test_what_nobody_sees_moves_the_version_on_and_nothing_else(phone: Client, payment: Payment) -> None:
    first = polled(phone.get(path(payment)).content.decode())
    links.note(payment.link, "wallet_shown", timezone.now(), payment)
    moved = phone.get(first)
    assert (moved.status_code, moved["HX-Retarget"], moved["HX-Reswap"]) == (200, "#poll", "outerHTML")
    second = polled(moved.content.decode())
    assert second != first
    assert "Paying" not in moved.content.decode()
    # From there on nothing is new, by one query.
    with CaptureQueriesContext(connection) as asked:
        assert phone.get(second).status_code == 204
    assert len(asked) == 1


def test_the_end_of_the_asking_changes_nothing_that_is_read(standin: StandIn, phone: Client, payment: Payment) -> None:
    confirm(standin, payment, world.DECLINED_CARD)
    first = polled(phone.get(path(payment)).content.decode())
    Payment.objects.filter(pk=payment.pk).update(touched_at=timezone.now() - timedelta(minutes=1))
    ended = phone.get(first)
    assert (ended.status_code, ended.content) == (286, b"")
    assert (ended["HX-Retarget"], ended["HX-Reswap"]) == ("#poll", "delete")


def test_what_changed_is_told_whole(standin: StandIn, phone: Client, payment: Payment) -> None:
    first = polled(phone.get(path(payment)).content.decode())
    confirm(standin, payment)
    Payment.objects.filter(pk=payment.pk).update(checked_at=timezone.now() - timedelta(seconds=3))
    answer = phone.get(first)
    assert "HX-Retarget" not in answer.headers
    assert "Paid. Thank you!" in answer.content.decode()
    assert polled(answer.content.decode()) != first


@pytest.mark.parametrize("seen", ["", "0", "x", "-1", "9" * 50, "\x00"])
def test_whoever_shows_something_else_gets_the_truth(phone: Client, payment: Payment, seen: str) -> None:
    answer = phone.get(f"{path(payment)}/part", {"v": seen})
    assert answer.status_code == 200
    assert "Paying" in answer.content.decode()


def test_a_webhook_that_never_comes_makes_nobody_wait(standin: StandIn, phone: Client, payment: Payment) -> None:
    phone.get(path(payment))
    confirm(standin, payment)
    later = timezone.now() - timedelta(seconds=3)
    Payment.objects.filter(pk=payment.pk).update(checked_at=later)
    answer = phone.get(f"{path(payment)}/part?v=1")
    assert answer.status_code == 200
    assert "<title>Paid. Thank you! – Brisvik</title>" in answer.content.decode()


def test_the_gateway_is_asked_once_in_a_while(phone: Client, payment: Payment) -> None:
    now = timezone.now()
    assert asking.ask(payment, now)
    payment.refresh_from_db()
    assert not asking.ask(payment, now + timedelta(seconds=1))
    # Another process read the payment before that: whoever moves the time asks, and nobody else.
    payment.checked_at = None
    assert not asking.ask(payment, now + timedelta(seconds=1))
    assert asking.ask(payment, now + timedelta(seconds=3))


def test_it_ends_when_all_is_on(standin: StandIn, phone: Client, payment: Payment) -> None:
    confirm(standin, payment)
    phone.get(path(payment))
    switch_everything_on()
    answer = phone.get(f"{path(payment)}/part?v=1")
    shown = answer.content.decode()
    assert answer.status_code == 286
    assert "Everything is on" in shown
    assert "On until" in shown
    assert "Nothing renews without you" in shown
    assert "hx-get" not in shown
    whole = phone.get(path(payment)).content.decode()
    assert "refresh" not in whole
    assert "htmx" not in whole


def test_a_paused_television_comes_back(standin: StandIn, phone: Client, link: PaymentLink) -> None:
    payment = begin(link)
    confirm(standin, payment)
    assert "Your TV is switching on…" in phone.get(path(payment)).content.decode()
    switch_everything_on()
    assert "Your TV is on" in phone.get(path(payment)).content.decode()


def test_a_refusal_says_that_nothing_was_taken(standin: StandIn, phone: Client, payment: Payment) -> None:
    confirm(standin, payment, world.DECLINED_CARD)
    shown = phone.get(path(payment)).content.decode()
    assert "Your bank said no" in shown
    assert "Nothing was taken from your account." in shown
    assert "Still to pay" in shown
    assert "card ending 0002" in shown.lower()
    # It is watched for a while, then that was all.
    assert phone.get(f"{path(payment)}/part?v=1").status_code == 200
    Payment.objects.filter(pk=payment.pk).update(touched_at=timezone.now() - timedelta(minutes=1))
    assert phone.get(f"{path(payment)}/part?v=1").status_code == 286


def test_a_new_attempt_after_a_refusal_never_shows_the_old_one(
    standin: StandIn, phone: Client, payment: Payment
) -> None:
    confirm(standin, payment, world.DECLINED_CARD)
    assert "Your bank said no" in phone.get(path(payment)).content.decode()
    again = begin(payment.link, "sports-weekend")
    assert again.pk == payment.pk
    confirm(standin, again)
    assert "Paid. Thank you!" in phone.get(path(payment)).content.decode()


def test_a_second_refusal_is_said_again(standin: StandIn, phone: Client, payment: Payment) -> None:
    confirm(standin, payment, world.DECLINED_CARD)
    phone.get(path(payment))
    again = begin(payment.link, "sports-weekend")
    assert Payment.objects.get().status == "created"
    confirm(standin, again, world.DECLINED_CARD)
    assert "Your bank said no" in phone.get(path(payment)).content.decode()
    assert LinkEvent.objects.filter(payment=payment, kind="failed").count() == 2


def test_the_card_that_is_named_is_the_last_one_that_was_refused(
    standin: StandIn, phone: Client, payment: Payment
) -> None:
    """A card that the bank refuses before a charge leaves the newest charge to the attempt before."""
    confirm(standin, payment, world.DECLINED_CARD)
    secret = payments.open_at_gateway(payment.pk, timezone.now()).client_secret
    asked = world.confirm(standin, secret, "pm_card_threeDSecure2Required")
    bank = asked["next_action"]["redirect_to_url"]["url"]  # type: ignore[index]
    requests.post(bank, data={"answer": "refuse"}, allow_redirects=False, timeout=10)
    shown = phone.get(path(payment)).content.decode()
    assert "Your bank said no" in shown
    assert "Card ending 3220" in shown
    assert "0002" not in shown


def test_a_canceled_payment_says_so(phone: Client, payment: Payment) -> None:
    payments.cancel(payment.pk, timezone.now())
    shown = phone.get(path(payment)).content.decode()
    assert "This payment was stopped" in shown


def test_a_payment_left_by_its_payer_says_so(phone: Client, payment: Payment) -> None:
    Payment.objects.filter(pk=payment.pk).update(touched_at=timezone.now() - timedelta(minutes=5))
    newest = LinkEvent.objects.filter(payment=payment).latest("pk").pk
    answer = phone.get(f"{path(payment)}/part?v={newest}")
    assert answer.status_code == 200
    assert "Not paid yet" in answer.content.decode()
    assert phone.get(f"{path(payment)}/part?v={newest}l").status_code == 204


def test_without_an_answer_nobody_says_that_nothing_was_taken(
    standin: StandIn, phone: Client, payment: Payment
) -> None:
    confirm(standin, payment)  # the money is taken, and Stripe falls silent
    standin.stop()
    five_minutes_ago = timezone.now() - timedelta(minutes=5)
    for heard in (None, five_minutes_ago, five_minutes_ago + timedelta(minutes=2)):
        Payment.objects.update(touched_at=five_minutes_ago, answered_at=heard, checked_at=five_minutes_ago)
        shown = phone.get(path(payment)).content.decode()
        assert "It takes longer than usual." in shown
        assert "we’ll send you word" in shown
        assert "Nothing was taken" not in shown
        assert "Try again" not in shown


def test_the_way_back_is_for_the_browser_that_has_the_link(phone: Client, payment: Payment) -> None:
    """Banks return to other browsers; the link's page would not open there, and its selector is not for them."""
    payments.cancel(payment.pk, timezone.now())
    stranger = phone.get(path(payment)).content.decode()
    assert "To pay, go back to where you began." in stranger
    assert payment.link.selector not in stranger
    assert "+44 1632 960018" in stranger
    phone.cookies[access.BEGAN] = "1"
    own = phone.get(path(payment)).content.decode()
    assert f'<a class="btn" href="/p/{payment.link.selector}/">Try again</a>' in own
    assert "To pay, go back" not in own


def test_processing_keeps_its_page_and_its_link_shows_it(phone: Client, payment: Payment) -> None:
    Payment.objects.filter(pk=payment.pk).update(status="processing", checked_at=timezone.now())
    assert "Paying" in phone.get(path(payment)).content.decode()
    phone.cookies[payer.COOKIE] = links.status_token(payment)
    answer = phone.get(links.path(payment.link))
    assert (answer.status_code, answer.headers["Location"]) == (302, path(payment))


def test_a_bank_debit_says_that_it_takes_days(phone: Client, payment: Payment) -> None:
    """Not seconds, and not "longer than usual" after half a minute."""
    now = timezone.now()
    of_a_debit = Payment.objects.filter(pk=payment.pk)
    for age in (timedelta(0), timedelta(days=2)):
        of_a_debit.update(status="processing", method="sepa_debit", checked_at=now, touched_at=now - age)
        shown = phone.get(path(payment)).content.decode()
        assert "A bank debit takes some days." in shown
        assert "seconds" not in shown
        assert "longer than usual" not in shown
    of_a_debit.update(status="failed")
    refused = phone.get(path(payment)).content.decode()
    assert "Another way to pay usually works" in refused
    assert "Another card" not in refused


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: "A" + t[1:], lambda t: t.swapcase()])
def test_an_altered_token_opens_nothing(phone: Client, payment: Payment, change: object) -> None:
    altered = change(links.status_token(payment))  # type: ignore[operator]
    assert phone.get(f"/s/{altered}").status_code == 404
    answer = phone.get(f"/s/{altered}/part?v=1")
    assert (answer.status_code, answer.content) == (286, b"")


def test_robots_see_nothing(standin: StandIn, phone: Client, payment: Payment) -> None:
    confirm(standin, payment)
    assert "1,146" not in phone.get(path(payment), headers={"user-agent": "WhatsApp/2.2"}).content.decode()
