"""The ledger: entries balance, facts are booked once, and nothing is edited."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from billing import invoices, ledger
from billing.models import AuditEntry, Invoice, LedgerEntry, LedgerPosting, LinkEvent, Operator
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> Operator:
    return world.operator()


def pair(amount: int) -> list[ledger.Posting]:
    return [ledger.Posting("revenue", "NOK", amount), ledger.Posting("gateway:stripe:default", "NOK", -amount)]


def test_booking_the_same_fact_twice_books_once(owner: Operator) -> None:
    with transaction.atomic():
        assert ledger.book(reference="test:1", operator=owner, postings=pair(5), now=NOW) is True
        assert ledger.book(reference="test:1", operator=owner, postings=pair(5), now=NOW) is False
    assert LedgerPosting.objects.count() == 2


@pytest.mark.parametrize(
    "postings",
    [
        [],
        [ledger.Posting("revenue", "NOK", 5)],
        [ledger.Posting("revenue", "NOK", 5), ledger.Posting("revenue", "EUR", -5)],
    ],
)
def test_unbalanced_postings_are_refused(owner: Operator, postings: list[ledger.Posting]) -> None:
    with pytest.raises(ledger.Unbalanced):
        ledger.book(reference="test:1", operator=owner, postings=postings, now=NOW)


def test_the_database_refuses_an_unbalanced_entry_too(owner: Operator) -> None:
    def unbalanced() -> None:
        with transaction.atomic():
            entry = LedgerEntry.objects.create(operator=owner, kind="x", reference="x", booked_at=NOW)
            LedgerPosting.objects.create(entry=entry, account="revenue", currency="NOK", amount=5)
            LedgerPosting.objects.create(entry=entry, account="revenue", currency="EUR", amount=-5)

    with pytest.raises(IntegrityError, match="does not balance"):
        unbalanced()


def test_the_database_refuses_an_entry_without_postings(owner: Operator) -> None:
    with pytest.raises(IntegrityError, match="has no postings"):
        LedgerEntry.objects.create(operator=owner, kind="x", reference="x", booked_at=NOW)


@pytest.mark.parametrize("model", [LedgerEntry, LedgerPosting, AuditEntry, LinkEvent])
@pytest.mark.parametrize("deed", ["update", "delete"])
def test_what_is_booked_or_audited_is_never_edited(owner: Operator, model: type, deed: str) -> None:
    with transaction.atomic():
        ledger.book(reference="test:1", operator=owner, postings=pair(5), now=NOW)
        world.link(world.customer(owner))
        AuditEntry.objects.create(at=NOW, actor="system:test", verb="x", subject_reference="x")

    def edit() -> None:
        rows = model.objects.all()
        if deed == "delete":
            rows._raw_delete(rows.db)
        else:
            rows.update(**{"reason": "y"} if model is AuditEntry else {"id": 99})

    with pytest.raises(DatabaseError, match="append-only"):
        edit()


def test_a_bill_is_booked_when_it_is_issued_and_a_draft_is_not(owner: Operator) -> None:
    account = world.account(world.customer(owner), world.legal_entity(owner))
    world.bill(account, 39900)
    draft = invoices.place_draft(
        account=account, currency="NOK", lines=[invoices.LineData(names={"en": "Films"}, amount=12900)], now=NOW
    )
    assert ledger.balance(account.customer_id, "NOK") == 39900
    assert list(invoices.owed(account.customer_id, "NOK")) != [draft]
    world.assert_books_balance()


def test_lines_that_do_not_sum_are_refused_whole(owner: Operator) -> None:
    account = world.account(world.customer(owner), world.legal_entity(owner))
    data = invoices.InvoiceData(
        number="1",
        currency="NOK",
        amount=5,
        vat_amount=0,
        issued_on=NOW.date(),
        due_on=NOW.date(),
        lines=[invoices.LineData(names={"en": "x"}, amount=4)],
    )
    with pytest.raises(invoices.WrongTotal):
        invoices.issue(account=account, data=data, now=NOW)
    assert not Invoice.objects.exists()


def test_opening_a_draft_twice_numbers_and_books_it_once(owner: Operator) -> None:
    account = world.account(world.customer(owner), world.legal_entity(owner))
    lines = [invoices.LineData(names={"en": "Films"}, amount=12900)]
    one, two = (invoices.place_draft(account=account, currency="NOK", lines=lines, now=NOW) for _ in range(2))
    with transaction.atomic():
        assert invoices.open_draft(one, NOW) is True
        assert invoices.open_draft(one, NOW) is False
        assert invoices.open_draft(two, NOW) is True
    assert (one.number, two.number) == ("P000001", "P000002")
    assert ledger.balance(account.customer_id, "NOK") == 2 * 12900


def test_voiding_a_draft_twice_tells_once(owner: Operator) -> None:
    account = world.account(world.customer(owner), world.legal_entity(owner))
    draft = invoices.place_draft(
        account=account, currency="NOK", lines=[invoices.LineData(names={"en": "Films"}, amount=12900)], now=NOW
    )
    with transaction.atomic():
        assert invoices.void_draft(draft.pk, NOW) is True
        assert invoices.void_draft(draft.pk, NOW) is False
    open_bill = world.bill(account)
    with transaction.atomic():
        assert invoices.void_draft(open_bill.pk, NOW) is False
