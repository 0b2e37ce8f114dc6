"""What the database itself refuses, whoever writes: currencies that are none, and states without their time."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from billing import ledger, payments
from billing.models import Invoice, Operator, Payment, PaymentLink
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)
NO_CURRENCIES = ["nok", "NO", "", "N1K", "NO\n"]


@pytest.fixture
def owner() -> Operator:
    return world.operator()


@pytest.fixture
def payment(owner: Operator) -> Payment:
    account = world.account(world.customer(owner), world.legal_entity(owner))
    link, bill = world.link(account.customer), world.bill(account)
    with transaction.atomic():
        payments.lock_link(link)
        return payments.start(link=link, invoices=[bill], amount_shown=bill.amount, now=NOW)


@pytest.mark.parametrize("currency", NO_CURRENCIES)
@pytest.mark.parametrize("model", [Payment, PaymentLink, Invoice, Operator])
def test_a_currency_is_three_capital_letters(payment: Payment, model: type, currency: str) -> None:
    with pytest.raises(IntegrityError, match="_currency_iso"):
        model.objects.update(currency=currency)


def test_the_ledger_takes_no_other_currency_either(owner: Operator) -> None:
    wrong = [ledger.Posting("revenue", "nok", 5), ledger.Posting("gateway:stripe:default", "nok", -5)]
    with pytest.raises(IntegrityError, match="ledgerposting_currency_iso"), transaction.atomic():
        ledger.book(reference="test:1", operator=owner, postings=wrong, now=NOW)


@pytest.mark.parametrize(("status", "time"), [("succeeded", "succeeded_at"), ("canceled", "canceled_at")])
def test_a_final_state_has_its_time(payment: Payment, status: str, time: str) -> None:
    with pytest.raises(DatabaseError, match=f"payment_{status}_has_time"):
        Payment.objects.update(status=status, **{time: None})
    assert Payment.objects.update(status=status, **{time: NOW}) == 1
