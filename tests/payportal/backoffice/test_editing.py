"""The few rows that staff edit: packages, and, for superusers, operators and people."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from activation.models import Package
from billing.models import AuditEntry, Operator
from payportal.backoffice import roles
from payportal.backoffice.models import StaffMember
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]


@pytest.fixture
def root(db: None) -> Client:
    return world.logged_in(world.person("root", is_superuser=True))


@pytest.fixture
def seller(brisvik: world.House) -> Client:
    """Somebody who may edit packages, at one operator."""
    user = world.person("per", brisvik.operator, role=roles.SUPPORT)
    return world.logged_in(world.allow(user, "add_package", "change_package"))


def _package(house: world.House, **changes: Any) -> dict[str, Any]:
    return {
        "operator": house.operator.pk,
        "legal_entity": house.entity.pk,
        "code": "sports",
        "kind": "tv",
        "names": '{"en": "Sports weekend", "nb": "Sportshelg"}',
        "icon": "ball",
        "currency": "NOK",
        "price": "99.00",
        "vat_rate": "2500",
        "duration_days": "3",
        "position": "1",
        "is_on_offer": "on",
        **changes,
    }


def _add(client: Client, data: dict[str, Any]) -> int:
    return client.post(reverse("admin:activation_package_add"), data).status_code


def test_it_works(seller: Client, brisvik: world.House) -> None:
    assert _add(seller, _package(brisvik)) == 302
    added = Package.objects.get(code="sports")
    assert (added.amount, added.names["nb"]) == (9900, "Sportshelg")
    address = reverse("admin:activation_package_change", args=[added.pk])
    assert seller.post(address, _package(brisvik, price="109")).status_code == 302
    added.refresh_from_db()
    assert added.amount == 10900
    kept = AuditEntry.objects.filter(subject_reference=f"package:{added.pk}", operator=brisvik.operator)
    assert [each.verb for each in kept.order_by("pk")] == ["add", "change"]


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "0"},
        {"price": "-1"},
        {"price": "99.001"},
        {"price": "99.5", "currency": "JPY"},
        {"price": "NaN"},
        {"price": "9" * 30},
        {"duration_days": "0"},
        {"currency": "nok"},
        {"currency": "ZZZ"},
        {"names": "{}"},
        {"names": "Films"},
        {"names": '{"en": ""}'},
        {"names": '{"en": 7}'},
        {"names": '{"not a language": "x"}'},
        {"vat_rate": "25001"},
        {"code": "films"},
        {"code": "no blanks"},
    ],
)
def test_a_package_that_could_not_be_shown_or_sold_is_refused(
    seller: Client, brisvik: world.House, changes: dict[str, str]
) -> None:
    count = Package.objects.count()
    assert _add(seller, _package(brisvik, **changes)) == 200
    assert Package.objects.count() == count


def test_a_package_stays_within_ones_own_operator(
    seller: Client, root: Client, brisvik: world.House, solmara: world.House
) -> None:
    count = Package.objects.count()
    assert _add(seller, _package(solmara)) == 200
    assert _add(seller, _package(brisvik, legal_entity=solmara.entity.pk)) == 200
    assert _add(root, _package(brisvik, legal_entity=solmara.entity.pk)) == 200, "superusers mix them up as little"
    assert Package.objects.count() == count
    assert b"olmara" not in seller.get(reverse("admin:activation_package_add")).content


def test_who_only_looks_sees_the_price(brisvik: world.House) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))
    page = client.get(reverse("admin:activation_package_change", args=[brisvik.rows["package"].pk])).content.decode()
    assert "NOK\u00a0129.00" in page


def test_nobody_deletes_a_package(root: Client, brisvik: world.House) -> None:
    package = brisvik.rows["package"]
    assert root.post(reverse("admin:activation_package_delete", args=[package.pk]), {"post": "yes"}).status_code == 403


def _operator(house: world.House, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Brisvik",
        "host": "pay.brisvik.example",
        "is_default": "on",
        "brand_color": "#0d4a59",
        "mark": "M4 4h16v16",
        "languages": "nb, en",
        "time_zone": "Europe/Oslo",
        "help_phone": "+44 1632 960018",
        "channel": "outbox",
        "link_lifetime_minutes": "60",
        "is_active": "on",
        **_none_of("messaging_policy", "reminder_rules", "proof_rules"),
        **changes,
    }


def _none_of(*prefixes: str) -> dict[str, str]:
    """What a page sends for its parts where there are none."""
    counts = ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    return {f"{prefix}-{count}": "0" for prefix in prefixes for count in counts}


def _change(client: Client, house: world.House, **changes: Any) -> int:
    address = reverse("admin:billing_operator_change", args=[house.operator.pk])
    return client.post(address, _operator(house, **changes)).status_code


def test_a_superuser_changes_an_operators_look(root: Client, brisvik: world.House) -> None:
    assert _change(root, brisvik, channel="email", currency="EUR", gateway_account="other") == 302
    changed = Operator.objects.get(pk=brisvik.operator.pk)
    assert (changed.languages, changed.link_lifetime_minutes) == (["nb", "en"], 60)
    assert (changed.currency, changed.gateway_account) == ("NOK", "default"), "money's own settings stay"
    assert AuditEntry.objects.filter(verb="change", subject_reference=f"operator:{changed.pk}").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"time_zone": "Europe/Brisvik"},
        {"time_zone": "../../etc/passwd"},
        {"languages": ""},
        {"languages": " , "},
        {"languages": "xx"},
        {"languages": "en; nb"},
        {"languages": '["en"]'},
        {"brand_color": "red"},
        {"brand_color": "#0d4a59;}body{display:none"},
        {"host": "https://pay.example/"},
        {"host": "a b"},
        {"help_phone": "call us"},
        {"mark": '"><script>'},
        {"channel": "pigeon"},
        {"link_lifetime_minutes": "0"},
        {"link_lifetime_minutes": "999999"},
    ],
)
def test_an_operator_whose_pages_would_break_is_refused(
    root: Client, brisvik: world.House, changes: dict[str, str]
) -> None:
    assert _change(root, brisvik, **{"channel": "email", **changes}) == 200
    assert Operator.objects.get(pk=brisvik.operator.pk).host == "brisvik.example"


def test_an_operator_is_added_with_a_gateway_that_there_is(root: Client, brisvik: world.House) -> None:
    data = _operator(brisvik, host="new.example", code="new", currency="SEK", country="SE", channel="email")
    del data["is_default"]
    address = reverse("admin:billing_operator_add")
    for gateway, account in (("paypal", "default"), ("stripe", "unknown")):
        assert root.post(address, {**data, "gateway": gateway, "gateway_account": account}).status_code == 200
    assert root.post(address, {**data, "gateway": "stripe", "gateway_account": "default"}).status_code == 302
    assert Operator.objects.get(code="new").currency == "SEK"


def test_an_operators_own_staff_do_not_change_it(brisvik: world.House) -> None:
    user = world.allow(world.person("per", brisvik.operator), "view_operator", "change_operator")
    assert _change(world.logged_in(user), brisvik) == 403


def test_a_superuser_gives_role_and_operators(root: Client, brisvik: world.House) -> None:
    data = {"username": "noor", "usable_password": "true", "password1": world.PASSWORD, "password2": world.PASSWORD}
    prefix = "staff_member"
    management = {
        f"{prefix}-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    }
    assert root.post(reverse("admin:auth_user_add"), {**data, **management}).status_code == 302
    user = User.objects.get(username="noor")
    data = {
        "username": "noor",
        "is_active": "on",
        "is_staff": "on",
        "groups": Group.objects.get(name=roles.SUPPORT).pk,
        "date_joined_0": "2026-11-22",
        "date_joined_1": "10:00:00",
        **management,
        f"{prefix}-TOTAL_FORMS": "1",
        f"{prefix}-MAX_NUM_FORMS": "1",
        f"{prefix}-0-operators": brisvik.operator.pk,
        f"{prefix}-0-user": user.pk,
    }
    assert root.post(reverse("admin:auth_user_change", args=[user.pk]), data).status_code == 302
    assert list(StaffMember.objects.get(user=user).operators.all()) == [brisvik.operator]
    page = world.logged_in(User.objects.get(pk=user.pk)).get(
        reverse("admin:billing_customer_change", args=[brisvik.customer.pk])
    )
    assert page.status_code == 200
    assert AuditEntry.objects.filter(subject_reference=f"user:{user.pk}").count() == 2


def test_a_lost_phone_is_put_right_and_no_secret_is_shown(root: Client, brisvik: world.House) -> None:
    user = world.person("noor", brisvik.operator)
    totp.TOTP.activate(user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    factor = Authenticator.objects.get(user=user)
    address = reverse("admin:mfa_authenticator_change", args=[factor.pk])
    page = root.get(address).content.decode()
    assert factor.data["secret"] not in page
    assert root.post(address, {"data": "{}"}).status_code == 403
    assert root.post(reverse("admin:mfa_authenticator_delete", args=[factor.pk]), {"post": "yes"}).status_code == 302
    assert not Authenticator.objects.filter(user=user).exists()
    assert AuditEntry.objects.filter(verb="delete", subject_reference=f"authenticator:{factor.pk}").exists()


def test_people_are_switched_off_not_deleted(root: Client) -> None:
    user = world.person("noor")
    assert root.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 403
