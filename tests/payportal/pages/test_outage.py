"""PostgreSQL or Valkey down: friendly words with nothing personal, in the form that was asked for."""

import json

import pytest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from redis.exceptions import ConnectionError as ValkeyConnectionError

from billing.models import Operator
from payportal.pages.outage import OutageMiddleware
from payportal.pages.requests import OperatorRequest

SECRET = "SELECT name FROM customer WHERE phone = '+447700900123'"
BRISVIK = Operator(code="brisvik", name="Brisvik", brand_color="#0d4a59", help_phone="+441632960018", languages=["en"])


def answer(error: Exception, **headers: str) -> HttpResponse:
    def broken(request: HttpRequest) -> HttpResponse:
        raise error

    request = RequestFactory(headers=headers).get("/p/x/y")
    request.__class__ = type("Request", (type(request), OperatorRequest), {})
    request.operator = BRISVIK  # type: ignore[attr-defined]
    return OutageMiddleware(broken)(request)


@pytest.mark.parametrize("error", [OperationalError(SECRET), InterfaceError(SECRET), ValkeyConnectionError(SECRET)])
def test_it_works(error: Exception) -> None:
    told = answer(error)
    assert told.status_code == 503
    assert told.headers["Retry-After"] == "10"
    assert told.headers["Cache-Control"] == "no-store"
    assert "We’ll be right back" in told.content.decode()
    assert "7700" not in told.content.decode()


def test_the_script_gets_json() -> None:
    told = answer(OperationalError(SECRET), accept="application/json")
    assert (told.status_code, json.loads(told.content)["title"]) == (503, "We’ll be right back")


def test_what_is_no_outage_is_not_taken_for_one() -> None:
    with pytest.raises(ZeroDivisionError):
        answer(ZeroDivisionError())
