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


def answer(error: Exception, method: str = "GET", path: str = "/p/x/y", **headers: str) -> HttpResponse:
    def broken(request: HttpRequest) -> HttpResponse:
        raise error

    request = RequestFactory(headers=headers).generic(method, path)
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


def test_a_customers_page_comes_back_by_itself_and_no_form_is_sent_again() -> None:
    assert answer(OperationalError(SECRET), "GET", "/s/token").headers["Refresh"] == "5"
    assert "Refresh" not in answer(OperationalError(SECRET), "POST", "/p/x/sum").headers
    assert "Refresh" not in answer(OperationalError(SECRET), "GET", "/admin/").headers


@pytest.mark.parametrize(
    ("method", "path", "leads_to"),
    [
        ("GET", "/p/x/y", "/p/x/y"),
        ("GET", "/s/token?v=7", "/s/token?v=7"),
        # A form can't be sent again by a tap on a link: back to the page that it stood on.
        ("POST", "/p/x/sum", "/p/x/"),
    ],
)
def test_the_next_step_is_to_try_again(method: str, path: str, leads_to: str) -> None:
    page = answer(OperationalError(SECRET), method, path).content.decode()
    assert f'<a class="btn" href="{leads_to}">Try again</a>' in page
    assert page.count('class="btn"') == 1
    assert "Questions? Call us:" in page


def test_other_forms_have_no_page_to_try_again() -> None:
    page = answer(OperationalError(SECRET), "POST", "/accounts/login/").content.decode()
    assert 'class="btn"' not in page


def test_the_script_gets_json() -> None:
    told = answer(OperationalError(SECRET), accept="application/json")
    assert (told.status_code, json.loads(told.content)["title"]) == (503, "We’ll be right back")


def test_what_is_no_outage_is_not_taken_for_one() -> None:
    with pytest.raises(ZeroDivisionError):
        answer(ZeroDivisionError())
