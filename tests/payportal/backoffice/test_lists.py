"""Every list and page of the admin, and who may not see it."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]

OURS = {"billing", "activation", "messaging"}
MODELS = sorted(
    (model for model in admin.site._registry if model._meta.app_label in OURS), key=lambda model: model._meta.label
)


def test_it_works(brisvik: world.House) -> None:
    client = world.logged_in(world.person("root", is_superuser=True))
    assert client.get("/admin/").status_code == 200
    for model in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_changelist")).status_code == 200, model
        row = brisvik.rows[model._meta.model_name]
        assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, model


def test_every_noun_with_money_or_customers_has_its_list(brisvik: world.House) -> None:
    assert {model._meta.model_name for model in MODELS} == set(brisvik.rows)


@pytest.mark.parametrize(
    ("noun", "waits", "waits_not"),
    [
        ("activationjob", {"status": "parked"}, {"status": "queued"}),
        ("payment", {"needs_person": "gateway_refused"}, {"needs_person": ""}),
        ("gatewayevent", {"status": "parked"}, {"status": "processed"}),
    ],
)
def test_the_start_page_leads_to_what_waits_for_a_person(
    brisvik: world.House, noun: str, waits: dict[str, str], waits_not: dict[str, str]
) -> None:
    client = world.logged_in(world.person("root", is_superuser=True))
    start = client.get("/admin/").content.decode()
    [address] = {found for found in re.findall(r'href="([^"]+)"', start) if f"/{noun}/?" in found}
    row = brisvik.rows[noun]
    for state, is_shown in ((waits, True), (waits_not, False)):
        type(row)._default_manager.filter(pk=row.pk).update(**state)
        assert (f"/{noun}/{row.pk}/change/" in client.get(address).content.decode()) is is_shown, state
