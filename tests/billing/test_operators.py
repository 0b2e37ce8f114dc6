"""Adding an operator by command: a fresh installation answers no host before."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from billing.models import AuditEntry, LegalEntity, Operator
from payportal.pages import operators

pytestmark = pytest.mark.django_db

GOOD = {
    "code": "brisvik",
    "name": "Brisvik",
    "host": "pay.brisvik.example",
    "currency": "NOK",
    "country": "NO",
    "languages": "nb,en",
    "time-zone": "Europe/Oslo",
    "help-phone": "+441632960018",
    "legal-entity": "Brisvik Net AS (made up)",
    "organization-number": "000 000 000",
}


def add(**changes: str) -> str:
    out = StringIO()
    wanted = {**GOOD, **{name.replace("_", "-"): value for name, value in changes.items()}}
    call_command("add_operator", *[f"--{name}={value}" for name, value in wanted.items()], stdout=out)
    return out.getvalue()


def test_its_host_is_answered_from_then_on() -> None:
    # Nothing of another test's operators is remembered.
    operators.forget()
    client = Client(headers={"host": "pay.brisvik.example"})
    assert client.get("/accounts/login/").status_code == 400
    assert "pay.brisvik.example" in add()
    assert client.get("/accounts/login/").status_code == 200
    operator = Operator.objects.get()
    assert (operator.languages, operator.is_default, operator.channel) == (["nb", "en"], False, "email")
    assert LegalEntity.objects.get().operator == operator
    assert AuditEntry.objects.get().verb == "add-operator"


def test_adding_it_twice_is_refused_in_words() -> None:
    add()
    with pytest.raises(CommandError, match="already exists"):
        add()
    assert Operator.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "https://pay.example/"}, "host: a host name"),
        ({"currency": "kroner"}, "currency: three letters"),
        ({"country": "Norway"}, "country: two letters"),
        ({"time_zone": "Mars/Olympus"}, "time-zone: a name of the tz database"),
        ({"brand_color": "teal"}, "brand-color"),
        ({"code": "no spaces"}, "code"),
        ({"organization_number": ""}, "organization-number"),
    ],
)
def test_a_mistake_is_refused_whole_and_named(changes: dict[str, str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        add(**changes)
    assert not Operator.objects.exists()
