"""Attack 9: every staff address against every role and operator."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from billing.models import AuditEntry, PaymentLink
from payportal.backoffice import roles
from payportal.messaging.models import Message
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]

# Pages of a row that these roles may open, by model.
OPEN_TO = {role: {label.split(".")[1] for label in labels} for role, (labels, _) in roles.ROLES.items()}


def _patterns(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from _patterns(each.url_patterns, before + str(each.pattern))
        elif each.name:
            yield each.name, before + str(each.pattern)


def _row_addresses(house: world.House) -> list[tuple[str, str]]:
    """(model, address) of every admin page that names a row, for this house's rows."""
    found = []
    for name, pattern in _patterns(get_resolver().url_patterns):
        if not pattern.startswith("admin/") or not ("<path:object_id>" in pattern or "<int:pk>" in pattern):
            continue
        model = pattern.split("/")[2]
        if model in house.rows:
            found.append((model, reverse(f"admin:{name}", args=[house.rows[model].pk])))
    return found


def _people(brisvik: world.House) -> dict[str, User]:
    return {
        "support": world.person("noor", brisvik.operator, role=roles.SUPPORT),
        "finance": world.person("odd", brisvik.operator, role=roles.FINANCE),
        "everything but superuser": world.allow(
            world.person("eve", brisvik.operator, role=roles.SUPPORT),
            *(f"{verb}_{model._meta.model_name}" for model in admin.site._registry for verb in _VERBS),
            "run_reports",
        ),
    }


_VERBS = ("view", "add", "change", "delete")


def test_it_works(brisvik: world.House) -> None:
    """One's own rows open, to the roles that are for them."""
    for role in (roles.SUPPORT, roles.FINANCE):
        client = world.logged_in(world.person(role, brisvik.operator, role=role))
        for model, row in brisvik.rows.items():
            address = reverse(f"admin:{row._meta.app_label}_{model}_change", args=[row.pk])
            assert client.get(address).status_code == (200 if model in OPEN_TO[role] else 403), (role, model)


def test_another_operators_rows_are_not_there(brisvik: world.House, solmara: world.House) -> None:
    """Whoever works for one operator alone finds no way to a row of the other: no page, no change, no trace."""
    addresses = _row_addresses(solmara)
    assert len(addresses) > 3 * len(solmara.rows), "the walk found the pages"
    before = _state(solmara)
    for who, user in _people(brisvik).items():
        client = world.logged_in(user)
        for _, address in addresses:
            for response in (client.get(address), client.post(address, {"post": "yes", "_save": "1"})):
                _refuses(response.status_code, response.headers.get("Location", ""), (who, address))
                assert b"olmara" not in response.content, (who, address)
    assert _state(solmara) == before
    assert not AuditEntry.objects.filter(operator=solmara.operator, verb="look").exists()


def _refuses(status: int, location: str, where: object) -> None:
    # Django's admin answers "no such row" by going to the start page; a page of another address would be a door.
    assert status in (400, 403, 404, 405) or (status == 302 and location == "/admin/"), (status, location, where)


def _state(house: world.House) -> list[object]:
    rows: list[Model] = [type(row)._default_manager.get(pk=row.pk) for row in house.rows.values()]
    values = [{field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields} for row in rows]
    return [values, PaymentLink.objects.count(), Message.objects.count()]


def test_lists_show_only_ones_own(brisvik: world.House, solmara: world.House) -> None:
    for who, user in _people(brisvik).items():
        client = world.logged_in(user)
        for model, row in solmara.rows.items():
            address = reverse(f"admin:{row._meta.app_label}_{model}_changelist")
            response = client.get(address)
            assert b"olmara" not in response.content, (who, address)
            if response.status_code == 200:
                # Nor by asking for it, by search or by filter.
                for query in ({"q": "solmara"}, {"operator": "solmara"}):
                    shown = client.get(address, query)
                    if shown.status_code == 200:
                        assert row not in shown.context["cl"].queryset, (who, address, query)


def test_bulk_actions_reach_only_ones_own(brisvik: world.House, solmara: world.House) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))
    theirs = solmara.rows["activationjob"]
    address = reverse("admin:activation_activationjob_changelist")
    client.post(address, {"action": "try_again", "_selected_action": [theirs.pk], "select_across": "1"})
    theirs.refresh_from_db()
    assert theirs.status == "parked"  # type: ignore[attr-defined]


def test_reports_are_of_ones_own_operators(brisvik: world.House, solmara: world.House) -> None:
    client = world.logged_in(world.person("odd", brisvik.operator, role=roles.FINANCE))
    page = client.get("/admin/reports/payments/", {"operator": "solmara", "first": "2026-01-01", "last": "2026-12-31"})
    assert page.status_code == 422
    assert b"Solmara" not in page.content
    file = client.get(
        "/admin/reports/payments/",
        {"operator": "solmara", "first": "2026-01-01", "last": "2026-12-31", "format": "csv"},
    )
    assert file.status_code == 422


def test_staff_of_no_operator_see_nobody(brisvik: world.House) -> None:
    client = world.logged_in(world.person("new", role=roles.SUPPORT))
    for _, address in _row_addresses(brisvik):
        response = client.get(address)
        _refuses(response.status_code, response.headers.get("Location", ""), address)
    assert b"brisvik-1" not in client.get("/admin/billing/customer/").content


def test_who_is_nobody_reaches_nothing(brisvik: world.House) -> None:
    addresses = [address for _, address in _row_addresses(brisvik)]
    addresses += [reverse(f"admin:{row._meta.app_label}_{name}_changelist") for name, row in brisvik.rows.items()]
    addresses += ["/admin/", "/admin/reports/", "/admin/reports/payments/"]
    guest = world.logged_in(world.person("guest", is_staff=False))
    for client in (Client(), guest):
        for address in addresses:
            for response in (client.get(address), client.post(address)):
                assert response.status_code in (302, 403), address
                if response.status_code == 302:
                    assert response["Location"].startswith("/admin/login/"), address


def test_switched_off_staff_reach_nothing(brisvik: world.House) -> None:
    user = world.person("noor", brisvik.operator, role=roles.SUPPORT)
    client = world.logged_in(user)
    assert client.get("/admin/billing/customer/").status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/admin/billing/customer/").status_code == 302


@pytest.mark.parametrize("role", ["superuser", roles.SUPPORT, roles.FINANCE])
def test_money_can_be_neither_added_nor_changed_nor_deleted(brisvik: world.House, role: str) -> None:
    """Law 11, for superusers too."""
    is_super = role == "superuser"
    user = world.person("a", brisvik.operator, role="" if is_super else role, is_superuser=is_super)
    client = world.logged_in(user)
    before = _state(brisvik)
    for model, row in brisvik.rows.items():
        if model in ("operator", "package", "messagetemplate"):
            continue
        name = f"admin:{row._meta.app_label}_{model}"
        assert client.get(reverse(f"{name}_add")).status_code == 403, model
        for verb in ("change", "delete"):
            response = client.post(reverse(f"{name}_{verb}", args=[row.pk]), {"amount": 1, "post": "yes"})
            assert response.status_code == 403, (model, verb)
        client.post(reverse(f"{name}_changelist"), {"action": "delete_selected", "_selected_action": [row.pk]})
    assert _state(brisvik) == before


def test_only_superusers_see_people_and_roles(brisvik: world.House) -> None:
    user = _people(brisvik)["everything but superuser"]
    client = world.logged_in(user)
    for address in ("/admin/auth/user/", "/admin/auth/group/", "/admin/mfa/authenticator/", "/admin/auth/user/add/"):
        assert client.get(address).status_code == 403, address
    response = client.post(f"/admin/auth/user/{user.pk}/change/", {"is_superuser": "on"})
    assert response.status_code == 403
    assert not User.objects.get(pk=user.pk).is_superuser


def test_roles_are_installed_once_and_keep_what_was_added() -> None:
    from django.contrib.auth.models import Group

    group = Group.objects.get(name=roles.SUPPORT)
    count = group.permissions.count()
    roles.install()
    assert group.permissions.count() == count
    assert count == sum(map(len, roles.ROLES[roles.SUPPORT]))


def test_an_operators_money_settings_stay_as_they_are(brisvik: world.House) -> None:
    """A superuser changes the look; currency and gateway are not among the fields."""
    client = world.logged_in(world.person("root", is_superuser=True))
    page = client.get(reverse("admin:billing_operator_change", args=[brisvik.operator.pk])).content.decode()
    assert 'name="brand_color"' in page
    assert 'name="currency"' not in page
    assert 'name="gateway_account"' not in page
