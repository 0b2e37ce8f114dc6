"""The whole way: from a link on the phone to a bill that is paid and a service that is on."""

import re

from activation.models import Activation, ActivationJob, Order
from billing.models import AuditEntry, GatewayEvent, Invoice, LedgerEntry, LinkEvent, Payment
from payportal.demo.models import OutboxMessage
from payportal.demo.stripe_standin import StandIn
from payportal.messaging.models import Message
from tests import world
from tests.flows.phone import Phone, until

BILLS = 64800 + 39900
SPORTS = 9900


def is_everything_on() -> bool:
    return not ActivationJob.objects.exclude(status="done").exists() and ActivationJob.objects.exists()


def test_bills_and_a_package_are_paid_and_everything_is_on(phone: Phone, stripe: StandIn) -> None:
    page = phone.open()
    assert "1,047.00" in page
    assert "12 days overdue" in page
    assert phone.state()["known"] is True
    started = phone.pay(BILLS + SPORTS, packages=phone.packages()[:1])
    status = phone.confirm(stripe, started)
    until(is_everything_on)
    shown = phone.get(status).text
    assert "is on" in shown
    assert {invoice.status for invoice in Invoice.objects.filter(account__customer=phone.link.customer)} == {"paid"}
    assert Order.objects.get().status == "completed"
    assert set(Activation.objects.filter(customer=phone.link.customer).values_list("status", flat=True)) == {"active"}
    bought = Activation.objects.get(order_item__isnull=False)
    assert bought.ends_at is not None
    assert (bought.ends_at - bought.started_at).days == 3
    until(lambda: OutboxMessage.objects.exists())
    assert Message.objects.filter(template="receipt", status="sent").count() == 1
    kinds = list(LinkEvent.objects.filter(link=phone.link).order_by("pk").values_list("kind", flat=True))
    assert kinds.count("succeeded") == 1
    assert {"made", "opened", "pay_tapped", "succeeded", "switched_on"} <= set(kinds)
    assert len(stripe.paid_charges()) == 1
    world.assert_books_balance()


def test_the_receipt_in_the_inbox_shows_the_payment_and_not_the_account(phone: Phone, stripe: StandIn) -> None:
    phone.open()
    phone.confirm(stripe, phone.pay(BILLS))
    until(lambda: OutboxMessage.objects.exists())
    receipt = re.search(r"/r/[\w-]+", phone.get("/demo/inbox/brisvik/20461/").text)
    assert receipt
    page = phone.get(receipt[0])
    assert page.status_code == 200
    assert "1,047.00" in page.text
    assert phone.link.customer.name not in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_declined_and_then_paid_on_the_same_page(phone: Phone, stripe: StandIn) -> None:
    """CASES fault 12."""
    phone.open()
    status = phone.confirm(stripe, phone.pay(BILLS), world.DECLINED_CARD)
    assert "Nothing was taken" in phone.get(status).text
    phone.open()
    phone.confirm(stripe, phone.pay(BILLS))
    until(is_everything_on)
    assert len(stripe.objects("payment_intent")) == 1
    assert len(stripe.paid_charges()) == 1
    world.assert_books_balance()


def test_the_return_page_settles_before_any_webhook(phone: Phone, stripe: StandIn) -> None:
    """CASES fault 4: webhook never."""
    stripe.switches.webhook_drop = -1
    phone.open()
    status = phone.confirm(stripe, phone.pay(BILLS))
    assert "Paid" in phone.get(status).text
    until(is_everything_on)
    assert not GatewayEvent.objects.exists()
    world.assert_books_balance()


def test_the_webhook_settles_before_the_return_page(phone: Phone, stripe: StandIn) -> None:
    """CASES fault 4: a browser killed behind the bank's app never returns."""
    phone.open()
    status = phone.confirm(stripe, phone.pay(BILLS))
    until(lambda: Payment.objects.filter(status="succeeded").exists())
    assert "Paid" in phone.get(status).text or "is on" in phone.get(status).text


def test_every_webhook_delivered_five_times_has_one_effect(phone: Phone, stripe: StandIn) -> None:
    stripe.switches.webhook_copies = 5
    phone.open()
    phone.confirm(stripe, phone.pay(BILLS + SPORTS, packages=phone.packages()[:1]))
    until(is_everything_on)
    assert LedgerEntry.objects.filter(kind="payment").count() == 1
    assert Activation.objects.filter(order_item__isnull=False).count() == 1
    until(lambda: OutboxMessage.objects.exists())
    assert Message.objects.filter(template="receipt").count() == 1
    world.assert_books_balance()


def test_a_bill_that_changed_charges_nothing_and_shows_the_new_sum(phone: Phone, stripe: StandIn) -> None:
    """CASES fault 7."""
    phone.open()
    shown = phone.bills()
    account = Invoice.objects.get(pk=shown[0]).account
    world.bill(account, 100)
    assert phone.state()["go"]
    paid = phone.pay(BILLS + 1)
    assert paid.status_code == 409
    assert "changed=1" in paid.json()["go"]
    assert not Payment.objects.exists()
    assert "1,048.00" in phone.get(f"/p/{phone.link.selector}/?changed=1").text


def test_another_customers_bill_and_a_package_not_on_offer_are_refused(phone: Phone, stripe: StandIn) -> None:
    """CASES attack 8."""
    phone.open()
    other = world.account(world.customer(phone.link.operator), world.legal_entity(phone.link.operator))
    strange = world.bill(other, 100)
    assert phone.pay(100, bills=[str(strange.pk)]).status_code == 409
    assert phone.pay(100, bills=[], packages=["999999"]).status_code == 409
    assert phone.pay(-100).status_code == 400
    assert not Payment.objects.exists()


def test_two_phones_on_one_link_make_one_charge(phone: Phone, stripe: StandIn) -> None:
    """CASES fault 6."""
    other = Phone(phone.base, phone.link)
    phone.open()
    other.open()
    first, second = phone.pay(BILLS), other.pay(BILLS)
    assert first.json()["client_secret"] == second.json()["client_secret"]
    phone.confirm(stripe, first)
    assert "/s/" in str(other.state()["go"])
    assert len(stripe.paid_charges()) == 1


def test_another_link_sees_what_goes_on_and_may_take_over(phone: Phone, stripe: StandIn) -> None:
    from tests.flows.phone import new_link

    phone.open()
    first = phone.pay(BILLS)
    other = Phone(phone.base, new_link(("brisvik", "20461")))
    assert "Someone is paying this right now" in other.open()
    assert other.post("takeover").status_code == 302
    other.open()
    other.confirm(stripe, other.pay(BILLS))
    until(is_everything_on)
    said = world.confirm(stripe, first.json()["client_secret"])
    assert "error" in said
    assert len(stripe.paid_charges()) == 1
    assert AuditEntry.objects.filter(verb="take-over-payment").count() == 1
    world.assert_books_balance()


def test_a_debit_keeps_its_bills_and_switches_nothing_on_until_the_bank_has_answered(
    phone: Phone, stripe: StandIn
) -> None:
    phone.open()
    status = phone.confirm(stripe, phone.pay(BILLS + SPORTS, packages=phone.packages()[:1]), "pm_sepa_debit")
    until(lambda: Payment.objects.get().status == "processing")
    assert "Paying" in phone.get(status).text
    assert not ActivationJob.objects.exists()
    assert phone.pay(BILLS).status_code == 409
    (intent,) = stripe.objects("payment_intent")
    stripe.advance(intent["id"], "succeed")
    until(is_everything_on)
    world.assert_books_balance()


def test_who_owes_nothing_is_told_so(phone: Phone, stripe: StandIn) -> None:
    from payportal.demo import data
    from tests.flows.phone import new_link

    page = Phone(phone.base, new_link(data.DEBTLESS_CUSTOMER)).open()
    assert "Nothing to pay" in page
