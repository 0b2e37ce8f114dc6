"""Whose page it is: by host name, without a query, and a plain answer to everybody else."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import Operator
from payportal.pages import brand, operators
from tests import world


@pytest.fixture
def two(db: None) -> tuple[Operator, Operator]:
    return world.operator("brisvik", is_default=False), world.operator("solmara", currency="EUR")


def test_it_works(two: tuple[Operator, Operator]) -> None:
    assert operators.for_host("brisvik.test") == two[0]
    assert operators.for_host("solmara.test:8000") == two[1]
    assert operators.for_host("solmara.test.") == two[1]


@pytest.mark.parametrize(
    "host", ["elsewhere.test", "127.0.0.1", "brisvik.test.evil.example", "[::1]:80", "a b", "x/y", ""]
)
def test_an_unknown_host_gets_a_plain_400(client: Client, two: tuple[Operator, Operator], host: str) -> None:
    for path in ("/p/x/y", "/admin/", "/"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code == 400
        assert answer.content == b"There is no such site here.\n"
        assert not answer.cookies


def test_health_answers_for_any_host(client: Client, two: tuple[Operator, Operator]) -> None:
    assert client.get("/healthz", headers={"host": "10.0.0.1"}).content == b"ok"


def test_the_default_answers_for_every_other_host(client: Client, two: tuple[Operator, Operator]) -> None:
    two[0].is_default = True
    two[0].save()
    assert operators.for_host("anything.test") == two[0]


def test_a_known_operator_costs_no_query(two: tuple[Operator, Operator]) -> None:
    operators.for_host("brisvik.test")
    with CaptureQueriesContext(connection) as asked:
        operators.for_host("brisvik.test")
        operators.for_host("elsewhere.test")
    assert len(asked) == 0


def test_a_change_elsewhere_shows_when_the_cache_is_old(two: tuple[Operator, Operator], settings: object) -> None:
    operators.for_host("brisvik.test")
    Operator.objects.filter(pk=two[0].pk).update(name="Another")
    found = operators.for_host("brisvik.test")
    assert found
    assert found.name == "Brisvik"
    settings.OPERATOR_CACHE_SECONDS = 0  # type: ignore[attr-defined]
    found = operators.for_host("brisvik.test")
    assert found
    assert found.name == "Another"


def test_an_operator_that_was_switched_off_is_nobody(client: Client, two: tuple[Operator, Operator]) -> None:
    two[1].is_active = False
    two[1].save()
    assert client.get("/p/x/y", headers={"host": "solmara.test"}).status_code == 400


@pytest.mark.parametrize(
    "color, text",
    [("#0d4a59", "#fff"), ("#ffb31a", "#000"), ("#000000", "#fff"), ("#ffffff", "#000"), ("#777777", "#000")],
)
def test_what_can_be_read_on_a_colour(color: str, text: str) -> None:
    assert brand.readable_on(color) == text


@pytest.mark.parametrize("bad", ["", "red", "#fff", "#12345g", "#000000}", "#+1+1+1"])
def test_what_is_no_colour_never_gets_into_the_sheet(bad: str) -> None:
    with pytest.raises(ValueError, match="is no colour"):
        brand.readable_on(bad)
