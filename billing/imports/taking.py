"""Taking bills in: each file whole or not at all, each bill once.

The seller's organization number says which legal entity issued a bill, the account number whose it is.
"""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from billing import audit, invoices
from billing.imports import csv, ubl
from billing.imports.bills import FileRefused, ReadBill, Seller
from billing.models import BillingAccount, Customer, Invoice, LegalEntity, Operator

# A bill is a few kilobytes, with a picture of itself inside a few hundred.
LARGEST_FILE = 20 * 1024 * 1024
ACTOR = "system:import"
# How many numbers one query asks for.
AT_ONCE = 1000
UNNAMED_ACCOUNT = {"en": "Your bill", "nb": "Regningen din", "ar": "فاتورتك"}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file: how many bills are new, how many were there, and the account numbers in it."""

    added: int
    known: int
    accounts: tuple[str, ...]


def take(path: Path, *, operator: Operator | None, may_add: bool, now: datetime) -> Taken:
    """Take in the bills of one file.

    ``operator`` narrows where sellers and accounts are looked for. With ``may_add`` unknown accounts (and, where it is
    clear whose they are, unknown sellers) are added; without, they refuse the file. Raises FileRefused, and then
    nothing of the file was taken.
    """
    data = _bytes(path)
    bills = read(data)
    digest = hashlib.sha256(data).hexdigest()
    with transaction.atomic():
        intake = _Intake(digest, operator, may_add, now)
        intake.remember(bills)
        added = sum(intake.take(bill) for bill in bills)
    accounts = tuple(dict.fromkeys(bill.buyer.account for bill in bills))
    return Taken(added=added, known=len(bills) - added, accounts=accounts)


def read(data: bytes) -> list[ReadBill]:
    """The bills of a file, by what is in it and not by what it is called. Raises FileRefused."""
    if not data.strip():
        raise FileRefused(0, "the file is empty")
    if data.startswith((b"\xfe\xff", b"\xff\xfe")) or data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return [ubl.read(data)]
    return csv.read(data)


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise FileRefused(0, "there is no such file" if not path.exists() else "that is not a file")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileRefused(0, f"can't be read: {error.strerror}") from None
    if len(data) > LARGEST_FILE:
        raise FileRefused(0, f"larger than {LARGEST_FILE // 1024 // 1024} MB")
    return data


class _Intake:
    """The taking in of one file, inside its transaction; what many bills ask for is asked for once."""

    def __init__(self, digest: str, operator: Operator | None, may_add: bool, now: datetime) -> None:
        self.digest = digest
        self.operator = operator
        self.may_add = may_add
        self.now = now
        self.entities: dict[Seller, LegalEntity] = {}
        self.known: dict[tuple[int, str], Invoice] = {}

    def remember(self, bills: list[ReadBill]) -> None:
        """Look once for all bills of the file that are here already. Refuses a file that has one of them twice."""
        numbers: dict[int, dict[str, int]] = defaultdict(dict)
        for bill in bills:
            first = numbers[self._entity(bill).pk].setdefault(bill.number, bill.line)
            if first != bill.line:
                raise FileRefused(bill.line, f"bill {bill.number} is in line {first} already")
        for entity_id, lines in numbers.items():
            wanted = list(lines)
            for start in range(0, len(wanted), AT_ONCE):
                found = Invoice.objects.filter(legal_entity_id=entity_id, number__in=wanted[start : start + AT_ONCE])
                for invoice in found.select_related("account"):
                    self.known[entity_id, str(invoice.number)] = invoice

    def take(self, bill: ReadBill) -> bool:
        """Issue one bill; False when it was taken in before."""
        entity = self._entity(bill)
        if known := self.known.get((entity.pk, bill.number)):
            _check_same(known, bill, self.digest)
            return False
        account = _account(bill, entity, self.may_add, self.now)
        account.legal_entity = entity
        try:
            with transaction.atomic():
                invoice = invoices.issue(account=account, data=_data(bill, self.digest), now=self.now)
        except IntegrityError:
            # Another import took it in between our look and our write: the database stopped the second one.
            other = Invoice.objects.filter(legal_entity=entity, number=bill.number).select_related("account").first()
            if other is None:
                raise
            _check_same(other, bill, self.digest)
            return False
        subject = f"invoice:{invoice.pk}"
        audit.record(
            actor=ACTOR, verb="import-invoice", subject_reference=subject, now=self.now, operator=entity.operator
        )
        return True

    def _entity(self, bill: ReadBill) -> LegalEntity:
        if bill.seller not in self.entities:
            self.entities[bill.seller] = _legal_entity(bill, self.operator, self.may_add)
        return self.entities[bill.seller]


def _data(bill: ReadBill, digest: str) -> invoices.InvoiceData:
    return invoices.InvoiceData(
        number=bill.number,
        currency=bill.currency,
        amount=bill.amount,
        vat_amount=bill.vat_amount,
        issued_on=bill.issued_on,
        due_on=bill.due_on,
        period_start_on=bill.period_start_on,
        period_end_on=bill.period_end_on,
        lines=bill.lines,
        source_digest=digest,
    )


def _check_same(known: Invoice, bill: ReadBill, digest: str) -> None:
    """The same number twice is the same bill, or somebody's mistake."""
    if known.source_digest == digest:
        return
    stated = (bill.buyer.account, bill.currency, bill.amount, bill.due_on)
    if (known.account.number, known.currency, known.amount, known.due_on) != stated:
        raise FileRefused(bill.line, f"bill {bill.number} was taken in before and said something else")


def _legal_entity(bill: ReadBill, operator: Operator | None, may_add: bool) -> LegalEntity:
    """Who issued the bill, by any of the numbers the file knows them by."""
    wanted = {_bare(number) for number in bill.seller.numbers}
    entities = LegalEntity.objects.select_related("operator").order_by("pk")
    if operator:
        entities = entities.filter(operator=operator)
    found = [entity for entity in entities if _bare(entity.organization_number) in wanted]
    if len(found) > 1:
        raise FileRefused(bill.line, "the seller is a legal entity of several operators: say which with --operator")
    if found:
        return found[0]
    owner = operator or Operator.objects.filter(is_default=True).first()
    if owner is None or not may_add:
        raise FileRefused(bill.line, f"the seller {bill.seller.numbers[0][:40]} is no legal entity here")
    return _new_entity(bill.seller, owner)


def _new_entity(seller: Seller, operator: Operator) -> LegalEntity:
    entity, _ = LegalEntity.objects.get_or_create(
        operator=operator,
        organization_number=seller.numbers[0][:40],
        defaults={"name": (seller.name or operator.name)[:120], "address": seller.address[:200]},
    )
    return entity


def _account(bill: ReadBill, entity: LegalEntity, may_add: bool, now: datetime) -> BillingAccount:
    """Whose bill it is. An unknown account belongs to the customer whom the file names, else to one of its own."""
    buyer = bill.buyer
    account = BillingAccount.objects.filter(legal_entity=entity, number=buyer.account).first()
    if account:
        if buyer.customer and account.customer.reference != buyer.customer:
            raise FileRefused(bill.line, f"account {buyer.account} belongs to another customer")
        return account
    if not may_add:
        raise FileRefused(bill.line, f"there is no account {buyer.account}")
    customer, _ = Customer.objects.get_or_create(
        operator=entity.operator,
        reference=(buyer.customer or buyer.account)[:64],
        defaults={
            "name": buyer.name[:120],
            "language": _language(buyer.language, entity.operator),
            "phone": _phone(buyer.phone, entity.operator.country),
            "email": _email(buyer.email),
            "created_at": now,
        },
    )
    language = customer.language
    account, _ = BillingAccount.objects.get_or_create(
        legal_entity=entity,
        number=buyer.account,
        defaults={
            "customer": customer,
            "names": {language: buyer.account_name} if buyer.account_name else UNNAMED_ACCOUNT,
            "created_at": now,
        },
    )
    return account


def _bare(number: str) -> str:
    """A number without the marks that people write into it: ``000 000 000`` and ``000000000`` are one."""
    return re.sub(r"[^0-9A-Z]", "", number.upper())


def _language(asked: str, operator: Operator) -> str:
    return asked if asked in operator.languages else str(next(iter(operator.languages), "en"))


def _phone(text: str, country: str) -> str:
    """E.164, or nothing where the text is no number that can be dialled."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError:
        return ""
    return text
