"""Law 12: every look at a customer by staff is kept; and lists ask the database no more for many rows than for few."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing import links
from billing.models import AuditEntry, Customer
from payportal.backoffice import roles
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
PERSONAL = {
    "customer": "customer:{pk}",
    "paymentlink": "link:{pk}",
    "payment": "payment:{reference}",
    "billingaccount": "account:{pk}",
    "invoice": "invoice:{pk}",
    "order": "order:{pk}",
    "device": "device:{pk}",
    "activation": "activation:{pk}",
    "message": "message:{pk}",
}


@pytest.mark.parametrize("model", PERSONAL)
def test_every_look_is_kept(brisvik: world.House, model: str) -> None:
    user = world.person("noor", brisvik.operator, role=roles.SUPPORT)
    client = world.logged_in(user)
    row = brisvik.rows[model]
    address = reverse(f"admin:{row._meta.app_label}_{model}_change", args=[row.pk])
    for number in (1, 2):
        assert client.get(address).status_code == 200
        looks = AuditEntry.objects.filter(verb="look", actor=f"staff:{user.pk}", operator=brisvik.operator)
        subject = PERSONAL[model].format(pk=row.pk, reference=getattr(row, "reference", ""))
        assert [each.subject_reference for each in looks] == [subject] * number


def test_a_refused_look_is_none(brisvik: world.House, solmara: world.House) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))
    client.get(reverse("admin:billing_customer_change", args=[solmara.customer.pk]))
    assert not AuditEntry.objects.filter(verb="look").exists()


def test_the_customers_page_says_who_looked(brisvik: world.House) -> None:
    address = reverse("admin:billing_customer_change", args=[brisvik.customer.pk])
    world.logged_in(world.person("odd", brisvik.operator, role=roles.FINANCE)).get(address)
    page = world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT)).get(address).content.decode()
    assert "<bdi>noor</bdi>" in page
    assert "<bdi>odd</bdi>" in page


def test_no_phone_number_address_or_mail_stands_on_any_page(brisvik: world.House) -> None:
    client = world.logged_in(world.person("root", is_superuser=True))
    for model, row in brisvik.rows.items():
        name = f"admin:{row._meta.app_label}_{model}"
        for address in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])):
            page = client.get(address).content.decode()
            assert "+447700900123" not in page, address
            assert "brisvik@customers.example" not in page, address
            assert links.rest(brisvik.link) not in page, address
            assert brisvik.link.selector not in page, address


@pytest.mark.parametrize("role", [roles.SUPPORT, roles.FINANCE])
def test_lists_ask_no_more_for_many_rows(brisvik: world.House, role: str) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=role))
    addresses = [reverse(f"admin:{row._meta.app_label}_{model}_changelist") for model, row in brisvik.rows.items()]
    opened = [address for address in addresses if client.get(address).status_code == 200]
    assert len(opened) >= 9
    few = {address: _queries(client, address) for address in opened}
    _more(brisvik)
    many = {address: _queries(client, address) for address in opened}
    assert many == few
    assert max(many.values()) <= 12


@pytest.mark.parametrize("model", ["customer", "paymentlink", "payment", "invoice", "order"])
def test_pages_ask_no_more_for_many_parts(brisvik: world.House, model: str) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))
    row = brisvik.rows[model]
    address = reverse(f"admin:{row._meta.app_label}_{model}_change", args=[row.pk])
    # Names of staff are asked for once there are any.
    links.create(customer=brisvik.customer, currency="NOK", actor="staff:1", now=timezone.now())
    client.get(address)
    few = _queries(client, address)
    _more(brisvik)
    assert _queries(client, address) == few


def _queries(client: object, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        client.get(address)  # type: ignore[attr-defined]
    return len(captured)


def _more(house: world.House) -> None:
    """Several more of everything that hangs on the customer."""
    now = timezone.now()
    for number in range(5):
        other = Customer.objects.create(operator=house.operator, reference=f"more-{number}", created_at=now)
        links.create(customer=other, currency="NOK", actor="system:test", now=now)
        owed = world.bill(house.account, f"more-{number}")
        link = links.create(customer=house.customer, currency="NOK", actor=f"staff:{number}", now=now)
        paid = world.payment(link, f"more{number}", now=now)
        world.book(paid, now + timedelta(seconds=number), to_bill=owed)
        for kind in ("opened", "sent"):
            links.note(house.link, kind, now, house.payment)
        house.payment.items.create(version=2, invoice=owed, amount=owed.amount)
        house.payment.allocations.create(invoice=owed, amount=1, created_at=now)
