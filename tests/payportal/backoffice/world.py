"""Two operators with the same kinds of rows each, so that everything of one can be asked for by staff of the other."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from activation.models import Activation, ActivationJob, Device, Order, OrderItem, Package
from billing import invoices, ledger, links
from billing.models import (
    Alarm,
    BillingAccount,
    Customer,
    GatewayEvent,
    Invoice,
    LedgerEntry,
    LegalEntity,
    Operator,
    Payment,
    PaymentItem,
    PaymentLink,
)
from payportal.backoffice.models import StaffMember
from payportal.messaging.models import Consent, ContactMedium, Message, MessageTemplate

BACKEND = "django.contrib.auth.backends.ModelBackend"
PASSWORD = "made-up-for-tests-1234"


@dataclass
class House:
    """One operator and one of everything that it has."""

    operator: Operator
    entity: LegalEntity
    customer: Customer
    account: BillingAccount
    invoice: Invoice
    link: PaymentLink
    payment: Payment
    rows: dict[str, Model] = field(default_factory=dict)


def operator(code: str, **changes: Any) -> Operator:
    """An operator in kroner and the time of Oslo."""
    return Operator.objects.create(
        **{
            "code": code,
            "name": code.title(),
            "host": f"{code}.example",
            "brand_color": "#0d4a59",
            "currency": "NOK",
            "country": "NO",
            "languages": ["en", "nb"],
            "time_zone": "Europe/Oslo",
            "help_phone": "+441632960018",
            "channel": "outbox",
            **changes,
        }
    )


def payment(
    link: PaymentLink, reference: str, amount: int = 64800, *, now: datetime | None = None, **changes: Any
) -> Payment:
    """A payment that succeeded at the gateway; nothing is booked yet."""
    now = now or timezone.now()
    return Payment.objects.create(
        **{
            "operator": link.operator,
            "customer": link.customer,
            "link": link,
            "reference": reference,
            "status": Payment.Status.SUCCEEDED,
            "currency": link.currency,
            "amount": amount,
            "amount_received": amount,
            "gateway": "stripe",
            "gateway_account": "default",
            "gateway_reference": f"pi_{reference}",
            "created_at": now,
            "touched_at": now,
            "succeeded_at": now,
            **changes,
        }
    )


def book(paid: Payment, at: datetime, *, to_bill: Invoice | None = None, credit: int = 0) -> None:
    """Book a payment as settling does: the gateway account against the bill, the rest against credit."""
    postings = [ledger.Posting(ledger.gateway_account(paid), paid.currency, paid.amount)]
    if to_bill is not None:
        postings.append(
            ledger.Posting(
                ledger.RECEIVABLE,
                paid.currency,
                credit - paid.amount,
                customer_id=paid.customer_id,
                invoice_id=to_bill.pk,
                legal_entity_id=to_bill.legal_entity_id,
            )
        )
    else:
        credit = paid.amount
    postings.append(ledger.Posting(ledger.CREDIT, paid.currency, -credit, customer_id=paid.customer_id))
    ledger.book(reference=f"payment:{paid.reference}", operator=paid.operator, postings=postings, now=at, payment=paid)


def bill(account: BillingAccount, number: str, amount: int = 64800, currency: str = "NOK") -> Invoice:
    """An open bill with one line."""
    return invoices.issue(
        account=account,
        data=invoices.InvoiceData(
            number=number,
            currency=currency,
            amount=amount,
            vat_amount=0,
            issued_on=date(2026, 11, 1),
            due_on=date(2026, 11, 10),
            lines=[invoices.LineData(names={"en": "Broadband"}, amount=amount)],
        ),
        now=datetime(2026, 11, 1, tzinfo=UTC),
    )


def house(code: str, **changes: Any) -> House:
    """An operator with a customer who paid a bill and bought a package."""
    now = timezone.now()
    home = operator(code, **changes)
    entity = LegalEntity.objects.create(operator=home, name=f"{code} AS", organization_number=f"9{code}")
    customer = Customer.objects.create(
        operator=home,
        reference=f"{code}-1",
        name=f"Person of {code}",
        phone="+447700900123",
        email=f"{code}@customers.example",
        created_at=now,
    )
    account = BillingAccount.objects.create(
        customer=customer, legal_entity=entity, number=f"{code}-20461", names={"en": "Broadband"}, created_at=now
    )
    owed = bill(account, f"{code}-10", currency=home.currency)
    link = links.create(customer=customer, currency=home.currency, actor="system:test", now=now)
    paid = payment(link, f"pay{code}")
    PaymentItem.objects.create(payment=paid, version=1, invoice=owed, amount=owed.amount)
    links.note(link, "succeeded", now, paid)
    book(paid, now, to_bill=owed)
    found = House(home, entity, customer, account, owed, link, paid)
    found.rows = {"operator": home, "legalentity": entity, "customer": customer, "billingaccount": account}
    found.rows |= {"invoice": owed, "paymentlink": link, "payment": paid}
    found.rows["ledgerentry"] = LedgerEntry.objects.get(payment=paid)
    found.rows["gatewayevent"] = GatewayEvent.objects.create(
        gateway="stripe",
        gateway_account="default",
        event_id=f"evt_{code}",
        type="payment_intent.succeeded",
        object_reference=paid.gateway_reference,
        digest="0" * 64,
        received_at=now,
        next_attempt_at=now,
    )
    found.rows["auditentry"] = home.audit_entries.get(verb="make-link")
    found.rows |= services(found, now)
    found.rows["alarm"] = Alarm.objects.create(operator=home, kind="probing", subject=code, first_at=now, last_at=now)
    found.rows["contactmedium"] = ContactMedium.objects.create(
        operator=home, medium="sms", address=customer.phone, unreachable_at=now, reason="carrier"
    )
    found.rows["messagetemplate"] = MessageTemplate.objects.create(
        operator=home, name="link", language="en", medium="sms", body="{operator} {link} {code}", changed_at=now
    )
    found.rows["consent"] = Consent.objects.create(customer=customer, purpose="offer", given_at=now)
    found.rows["message"] = Message.objects.create(
        operator=home,
        customer=customer,
        link=link,
        reference=f"receipt:{code}",
        template="receipt",
        language="en",
        channel="outbox",
        created_at=now,
        next_attempt_at=now,
    )
    return found


def services(home: House, now: datetime) -> dict[str, Model]:
    """A package that was bought, with its order, parked job and service."""
    box = Device.objects.create(
        customer=home.customer,
        account=home.account,
        reference=f"box-{home.operator.code}",
        kind="tv",
        names={"en": "TV"},
    )
    package = Package.objects.create(
        operator=home.operator,
        legal_entity=home.entity,
        code="films",
        kind="tv",
        names={"en": "Films"},
        currency=home.operator.currency,
        amount=12900,
        duration_days=30,
    )
    bought = bill(home.account, f"{home.operator.code}-P1", 12900, home.operator.currency)
    order = Order.objects.create(
        customer=home.customer, invoice=bought, reference=f"order{home.operator.code}", created_at=now
    )
    item = OrderItem.objects.create(order=order, package=package, device=box, amount=12900, duration_days=30)
    job = ActivationJob.objects.create(
        kind="activate",
        order_item=item,
        payment=home.payment,
        idempotency_key=f"activate-{home.operator.code}",
        status="parked",
        attempts=9,
        created_at=now,
        run_after=now,
        error="refused",
    )
    service = Activation.objects.create(
        customer=home.customer,
        account=home.account,
        order_item=item,
        device=box,
        reference=f"service{home.operator.code}",
        service_code="films",
        names={"en": "Films"},
        started_at=now,
        ends_at=now + timedelta(days=30),
    )
    return {"device": box, "package": package, "order": order, "activationjob": job, "activation": service}


def person(name: str, *operators: Operator, role: str = "", **changes: Any) -> User:
    """Somebody who can log in: staff with a role, for these operators."""
    user = User.objects.create_user(name, password=PASSWORD, **{"is_staff": True, **changes})
    if role:
        user.groups.add(Group.objects.get(name=role))
    if operators:
        StaffMember.objects.create(user=user).operators.set(operators)
    return user


def allow(user: User, *codenames: str) -> User:
    """Give single permissions."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def logged_in(user: User) -> Client:
    """A browser in which this person is logged in by password."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client
