"""The demo's operators, people, bills and packages: all of it made up, dates relative to the day it is first loaded.

Phone numbers are from the ranges kept for fiction (Ofcom's +44 7700 900 and +44 1632 960, Arcep's +33 1 99 00).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from activation.models import Activation, Device, Package
from billing import invoices
from billing.imports.bills import vat_within
from billing.models import BillingAccount, Customer, LegalEntity, Operator, ProofRule

Names = dict[str, str]

# The one whose link is printed, the one who owes nothing, and Solmara's.
PRINTED_CUSTOMER = ("brisvik", "20461")
DEBTLESS_CUSTOMER = ("brisvik", "20502")
SOLMARA_CUSTOMER = ("solmara", "70017")

# Two loaders at once (a supervisor started twice) wait for each other here; the number is arbitrary.
LOCK = 7_065_041
OVERDUE_DAYS = 12
DUE_IN_DAYS = 10
TERM_DAYS = 14
CUSTOMER_FOR_DAYS = 400

NORWAY_VAT = 2500
FRANCE_VAT = 2000


@dataclass(frozen=True)
class Bill:
    """One bill of the demo: lines are names and prices with tax, in minor units."""

    due_in_days: int
    vat_rate: int
    lines: list[tuple[Names, int]]


def load(now: datetime) -> bool:
    """Load everything once; False when it was there already, and then nothing changes."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if Operator.objects.filter(code="brisvik").exists():
            return False
        _load_brisvik(now)
        _load_solmara(now)
    return True


def customer(key: tuple[str, str]) -> Customer:
    """One of the demo's customers, with its operator."""
    operator_code, reference = key
    return Customer.objects.select_related("operator").get(operator__code=operator_code, reference=reference)


def _load_brisvik(now: datetime) -> None:
    operator = Operator.objects.create(
        code="brisvik",
        name="Brisvik",
        host="brisvik.localhost",
        is_default=True,
        brand_color="#0d4a59",
        mark="M2 8h12a3 3 0 10-3-3M2 13h17a3 3 0 11-3 3M2 18h8a2 2 0 11-2 2",
        currency="NOK",
        country="NO",
        languages=["nb", "en"],
        time_zone="Europe/Oslo",
        help_phone="+441632960018",
        channel="outbox",
    )
    # The lines of a bill are shown to who has typed the code that was sent to the number on file.
    ProofRule.objects.create(operator=operator, action=ProofRule.Action.DETAILS)
    entity = LegalEntity.objects.create(
        operator=operator,
        name="Brisvik Net AS (made up)",
        address="Storgata 0, 0000 Brisvik",
        organization_number="000000000",
    )
    _packages(
        entity,
        NORWAY_VAT,
        ("sports-weekend", "tv", "ball", {"en": "Sports weekend", "nb": "Sportshelg"}, 9900, 3),
        ("films", "tv", "film", {"en": "Films", "nb": "Film"}, 12900, 30),
        ("10-gb-extra", "data", "data", {"en": "10 GB extra", "nb": "10 GB ekstra"}, 7900, 30),
    )
    kari = _customer(operator, "20461", "Kari Holt (made up)", "en", "+447700900123", now)
    home = _account(kari, entity, "20461", {"en": "Broadband and TV", "nb": "Bredbånd og TV"}, now)
    mobile = _account(kari, entity, "20462", {"en": "Mobile", "nb": "Mobil"}, now)
    lines = [({"en": "Broadband", "nb": "Bredbånd"}, 39900), ({"en": "TV", "nb": "TV"}, 24900)]
    _bill(home, Bill(-OVERDUE_DAYS, NORWAY_VAT, lines), now)
    _bill(mobile, Bill(DUE_IN_DAYS, NORWAY_VAT, [({"en": "Mobile, 40 GB", "nb": "Mobil, 40 GB"}, 39900)]), now)
    _paused_tv(home, {"en": "living room", "nb": "stue"}, now)
    ola = _customer(operator, "20502", "Ola Nordmann (made up)", "nb", "+447700900456", now)
    _account(ola, entity, "20502", {"en": "Broadband", "nb": "Bredbånd"}, now)


def _load_solmara(now: datetime) -> None:
    operator = Operator.objects.create(
        code="solmara",
        name="Solmara",
        host="solmara.localhost",
        brand_color="#ffb31a",
        mark="M2 17h20M5 21h14M6 17a6 6 0 1112 0M12 3v4M3.5 7.5l3 3M20.5 7.5l-3 3",
        currency="EUR",
        country="FR",
        languages=["en", "ar"],
        time_zone="Europe/Paris",
        help_phone="+33199004217",
        channel="outbox",
    )
    entity = LegalEntity.objects.create(
        operator=operator,
        name="Solmara SA (made up)",
        address="0 rue du Port, 00000 Solmara",
        organization_number="000 000 000 00000",
    )
    _packages(
        entity,
        FRANCE_VAT,
        ("sports-weekend", "tv", "ball", {"en": "Sports weekend", "ar": "رياضة نهاية الأسبوع"}, 990, 3),
        ("films", "tv", "film", {"en": "Films", "ar": "أفلام"}, 1290, 30),
        ("10-gb-extra", "data", "data", {"en": "10 GB extra", "ar": "10 غيغابايت إضافية"}, 750, 30),
    )
    salma = _customer(operator, "70017", "Salma Example (made up)", "ar", "+33199004299", now)
    home = _account(salma, entity, "70017", {"en": "Internet and TV", "ar": "الإنترنت والتلفزيون"}, now)
    mobile = _account(salma, entity, "70018", {"en": "Mobile", "ar": "الجوال"}, now)
    lines = [({"en": "Internet", "ar": "الإنترنت"}, 3890), ({"en": "TV", "ar": "التلفزيون"}, 2000)]
    _bill(home, Bill(-OVERDUE_DAYS, FRANCE_VAT, lines), now)
    _bill(mobile, Bill(DUE_IN_DAYS, FRANCE_VAT, [({"en": "Mobile, 20 GB", "ar": "الجوال، 20 غيغابايت"}, 2450)]), now)
    _paused_tv(home, {"en": "living room", "ar": "غرفة الجلوس"}, now)


def _packages(entity: LegalEntity, vat_rate: int, *offers: tuple[str, str, str, Names, int, int]) -> None:
    for position, (code, kind, icon, names, amount, days) in enumerate(offers):
        Package.objects.create(
            operator=entity.operator,
            legal_entity=entity,
            code=code,
            kind=kind,
            icon=icon,
            names=names,
            currency=entity.operator.currency,
            amount=amount,
            vat_rate=vat_rate,
            duration_days=days,
            position=position,
        )


def _customer(operator: Operator, reference: str, name: str, language: str, phone: str, now: datetime) -> Customer:
    return Customer.objects.create(
        operator=operator,
        reference=reference,
        name=name,
        language=language,
        phone=phone,
        email=f"customer-{reference}@{operator.code}.example",
        created_at=now - timedelta(days=CUSTOMER_FOR_DAYS),
    )


def _account(customer: Customer, entity: LegalEntity, number: str, names: Names, now: datetime) -> BillingAccount:
    return BillingAccount.objects.create(
        customer=customer,
        legal_entity=entity,
        number=number,
        names=names,
        created_at=now - timedelta(days=CUSTOMER_FOR_DAYS),
    )


def _bill(account: BillingAccount, bill: Bill, now: datetime) -> None:
    """Issue one bill for the calendar month before the one it is due in."""
    operator = account.legal_entity.operator
    due_on = now.astimezone(ZoneInfo(operator.time_zone)).date() + timedelta(days=bill.due_in_days)
    period_end_on = due_on.replace(day=1) - timedelta(days=1)
    lines = [
        invoices.LineData(
            names=names, amount=amount, vat_amount=vat_within(amount, bill.vat_rate), vat_rate=bill.vat_rate
        )
        for names, amount in bill.lines
    ]
    invoices.issue(
        account=account,
        data=invoices.InvoiceData(
            number=f"{account.number}-{period_end_on.month}",
            currency=operator.currency,
            amount=sum(line.amount for line in lines),
            vat_amount=sum(line.vat_amount for line in lines),
            issued_on=due_on - timedelta(days=TERM_DAYS),
            due_on=due_on,
            period_start_on=date(period_end_on.year, period_end_on.month, 1),
            period_end_on=period_end_on,
            lines=lines,
            source_digest="",
        ),
        now=now,
    )


def _paused_tv(account: BillingAccount, place: Names, now: datetime) -> None:
    """A television that came with the account and was paused once its bill was late."""
    device = Device.objects.create(
        customer=account.customer,
        account=account,
        reference=f"stb-{account.number}",
        kind=Device.Kind.TV,
        names=place,
    )
    Activation.objects.create(
        customer=account.customer,
        account=account,
        device=device,
        reference=f"tv-{account.number}",
        service_code="tv",
        names={"en": "TV", "nb": "TV", "ar": "التلفزيون"},
        status=Activation.Status.SUSPENDED,
        started_at=now - timedelta(days=CUSTOMER_FOR_DAYS),
        suspension=1,
    )
