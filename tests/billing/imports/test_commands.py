"""import_invoices and payment_link: each file whole or not at all, each bill once."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import imports, invoices, links
from billing.models import AuditEntry, BillingAccount, Customer, Invoice, LedgerEntry, LegalEntity, Operator
from tests.billing.imports.samples import CSV, UBL
from tests.billing.imports.test_ubl import SHARED, needs_shared

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def brisvik(db: None) -> Operator:
    operator = Operator.objects.create(
        code="brisvik",
        name="Brisvik",
        host="brisvik.localhost",
        is_default=True,
        brand_color="#0d4a59",
        currency="NOK",
        country="NO",
        languages=["nb", "en"],
        help_phone="+441632960018",
    )
    LegalEntity.objects.create(operator=operator, name="Brisvik Net AS (made up)", organization_number="000 000 000")
    return operator


@pytest.fixture
def ubl(tmp_path: Path) -> Path:
    return written(tmp_path / "bill.xml", UBL)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def run(*arguments: object) -> tuple[str, str]:
    out, errors = StringIO(), StringIO()
    try:
        call_command("import_invoices", *map(str, arguments), stdout=out, stderr=errors)
    except CommandError as error:
        errors.write(str(error))
    return out.getvalue(), errors.getvalue()


def everything() -> list[int]:
    models = (Invoice, Customer, BillingAccount, LegalEntity, LedgerEntry, AuditEntry)
    return [model.objects.count() for model in models]


def test_it_works(ubl: Path, brisvik: Operator) -> None:
    out, errors = run(ubl)
    assert (out, errors) == (f"{ubl}: 1 added, 0 there already (account 30001)\n", "")
    bill = Invoice.objects.get()
    assert (bill.number, bill.status, bill.amount, bill.vat_amount) == ("A-1", "open", 12503, 2501)
    assert bill.legal_entity == LegalEntity.objects.get()
    customer = bill.account.customer
    assert (customer.reference, customer.name, customer.language) == ("30001", "Somebody (made up)", "nb")
    assert (customer.phone, customer.email) == ("+447700900321", "a@b.example")
    assert bill.lines.count() == 3
    assert list(invoices.owed(customer.pk, "NOK")) == [bill]
    assert AuditEntry.objects.get().verb == "import-invoice"


def test_a_file_taken_twice_under_whatever_name_changes_nothing(ubl: Path, tmp_path: Path) -> None:
    run(ubl)
    before = everything()
    copy = written(tmp_path / "another name.txt", UBL)
    out, errors = run(ubl, copy, ubl)
    assert errors == ""
    assert out.count("0 added, 1 there already") == 3
    assert everything() == before


def test_the_same_bill_written_in_another_way_changes_nothing(ubl: Path, tmp_path: Path) -> None:
    run(ubl)
    before = everything()
    out, _ = run(written(tmp_path / "pretty.xml", UBL.replace("><", ">\n  <")))
    assert "0 added, 1 there already" in out
    assert everything() == before


def test_another_bill_under_the_same_number_is_refused(ubl: Path, tmp_path: Path) -> None:
    run(ubl)
    before = everything()
    _, errors = run(written(tmp_path / "other.xml", UBL.replace("2026-11-15", "2026-11-16")))
    assert "line 5: bill A-1 was taken in before and said something else" in errors
    assert everything() == before


def test_a_bad_file_is_refused_whole_and_the_others_load(ubl: Path, tmp_path: Path) -> None:
    bad = written(tmp_path / "bad.csv", CSV.replace("2026-11-20", "soon"))
    good = written(tmp_path / "good.csv", CSV.replace("3000", "4000"))
    out, errors = run(bad, ubl, tmp_path / "no such file", tmp_path, good)
    assert f"{bad}: refused: line 4: 'soon' is not a date (YYYY-MM-DD)" in errors
    assert "no such file: refused: there is no such file" in errors
    assert "that is not a file" in errors
    assert "3 of 5 files refused" in errors
    assert out.count("added") == 2
    assert sorted(Invoice.objects.values_list("number", flat=True)) == ["A-1", "B-1", "B-2"]


def test_a_file_whose_last_bill_fails_late_leaves_nothing_behind(tmp_path: Path, ubl: Path) -> None:
    """The second bill reads well and only the database knows that it can't be."""
    run(ubl)
    before = everything()
    rows = CSV + "000000000,30001,A-1,NOK,2026-11-01,2026-11-15,1.00,Other,1.00,,C1\n"
    _, errors = run(written(tmp_path / "late.csv", rows))
    assert "refused" in errors
    assert everything() == before


def test_a_bill_that_is_in_a_file_twice_refuses_it(tmp_path: Path) -> None:
    """The same seller, written in two ways: half a bill must not pass for the whole."""
    again = "000 000 000,30001,B-1,NOK,2026-11-01,2026-11-15,1.00,Other,1.00,,C1\n"
    _, errors = run(written(tmp_path / "twice.csv", CSV + again))
    assert "line 5: bill B-1 is in line 2 already" in errors
    assert not Invoice.objects.exists()


def test_a_file_of_many_bills_asks_once_what_is_known(
    tmp_path: Path, django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    header = CSV.partition("\n")[0]
    rows = "".join(f"000000000,3,M-{n},NOK,2026-11-01,2026-11-15,1.00,Line,1.00,,\n" for n in range(50))
    many = written(tmp_path / "many.csv", f"{header}\n{rows}")
    assert imports.take(many, operator=None, may_add=True, now=datetime.now(UTC)).added == 50
    with django_assert_max_num_queries(4):
        assert imports.take(many, operator=None, may_add=True, now=datetime.now(UTC)).known == 50


def test_a_refusal_ends_with_an_error_code(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="1 of 1 files refused"):
        call_command("import_invoices", str(written(tmp_path / "x", "x")), stdout=StringIO(), stderr=StringIO())


def test_an_empty_and_an_oversized_file_are_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.xml"
    with big.open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    _, errors = run(written(tmp_path / "empty", " \n"), big)
    assert "the file is empty" in errors
    assert "larger than 20 MB" in errors


def test_two_accounts_of_one_customer(tmp_path: Path) -> None:
    run(written(tmp_path / "bills.csv", CSV))
    assert Customer.objects.get().reference == "C1"
    assert sorted(BillingAccount.objects.values_list("number", flat=True)) == ["30001", "30002"]


def test_known_only_adds_no_account_and_no_seller(ubl: Path, tmp_path: Path) -> None:
    before = everything()
    stranger = written(tmp_path / "stranger.xml", UBL.replace(">000000000<", ">111111111<"))
    _, errors = run("--known-only", ubl, stranger)
    assert "there is no account 30001" in errors
    assert "the seller 111111111 is no legal entity here" in errors
    assert everything() == before


def test_an_unknown_seller_belongs_to_the_operator_that_is_named_or_the_default_one(
    tmp_path: Path, brisvik: Operator
) -> None:
    other = Operator.objects.create(
        code="other",
        name="Other",
        host="other.localhost",
        brand_color="#000000",
        currency="EUR",
        country="FR",
        languages=["en"],
        help_phone="+33199004217",
    )
    first = written(tmp_path / "1.xml", UBL.replace(">000000000<", ">111111111<"))
    second = written(tmp_path / "2.xml", UBL.replace(">000000000<", ">222222222<"))
    run(first)
    run("--operator", "other", second)
    assert LegalEntity.objects.get(organization_number="111111111").operator == brisvik
    assert LegalEntity.objects.get(organization_number="222222222").operator == other
    Operator.objects.update(is_default=False)
    third = written(tmp_path / "3.xml", UBL.replace(">000000000<", ">333333333<"))
    assert "is no legal entity here" in run(third)[1]
    with pytest.raises(CommandError, match="there is no operator 'nobody'; there are: brisvik, other"):
        call_command("import_invoices", "--operator", "nobody", str(third))


def test_an_account_of_another_customer_is_refused(ubl: Path, tmp_path: Path) -> None:
    run(ubl)
    _, errors = run(written(tmp_path / "b.csv", CSV))
    assert "line 2: account 30001 belongs to another customer" in errors


@pytest.mark.django_db(transaction=True)
def test_six_imports_of_one_file_at_once_take_it_in_once(ubl: Path) -> None:
    barrier = threading.Barrier(6)
    added: list[int] = []

    def work() -> None:
        barrier.wait()
        try:
            added.append(imports.take(ubl, operator=None, may_add=True, now=datetime.now(UTC)).added)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 0, 0, 0, 1]
    assert everything() == [1, 1, 1, 1, 1, 1]


@needs_shared
def test_a_real_telephone_bill_is_taken_in_and_linked_to() -> None:
    _, errors = run(*sorted(SHARED.glob("*.xml")))
    assert errors.count("refused:") == 1
    assert "credit-note.xml: refused: line 17: this is a credit note" in errors
    assert Invoice.objects.get(number="2007-99123").amount == 103900
    out = StringIO()
    call_command("payment_link", "--account", "2244668800", stdout=out)
    operator = Operator.objects.get()
    link = links.resolve(operator, *out.getvalue().strip().rsplit("/", 2)[1:], datetime.now(UTC))
    assert link.currency == "SEK"


def linked(*arguments: str) -> str:
    out = StringIO()
    call_command("payment_link", *arguments, stdout=out)
    return out.getvalue()


def test_payment_link_prints_one_address_that_opens(ubl: Path, brisvik: Operator) -> None:
    run(ubl)
    address = linked("--account", "30001")
    assert address.startswith("http://testserver/p/")
    assert address.count("\n") == 1
    link = links.resolve(brisvik, *address.strip().rsplit("/", 2)[1:], datetime.now(UTC))
    assert (link.customer.reference, link.currency, link.created_by) == ("30001", "NOK", "system:payment_link")


def test_payment_link_says_what_is_wrong(ubl: Path, brisvik: Operator) -> None:
    run(ubl)
    entity = LegalEntity.objects.create(operator=brisvik, name="Second", organization_number="2")
    with pytest.raises(CommandError, match="there is no account '1'"):
        linked("--account", "1")
    with pytest.raises(CommandError, match="owes nothing in EUR"):
        linked("--account", "30001", "--currency", "EUR")
    with pytest.raises(CommandError, match="of operator 'nobody'"):
        linked("--account", "30001", "--operator", "nobody")
    other = Customer.objects.create(operator=brisvik, reference="x", created_at=datetime.now(UTC))
    BillingAccount.objects.create(customer=other, legal_entity=entity, number="30001", created_at=datetime.now(UTC))
    with pytest.raises(CommandError, match="several customers have an account '30001'"):
        linked("--account", "30001")
