"""``/verify``: what we know of a code, which is never that a message is genuine."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from billing.models import Customer, Operator
from payportal.messaging import codes
from payportal.messaging.models import Handover, Message
from payportal.pages import verify_views

SENT_AT = datetime(datetime.now(UTC).year, 11, 22, 23, 30, tzinfo=UTC)  # the 23rd already, where the operator is


@pytest.fixture(autouse=True)
def _empty(valkey_url: str) -> None:
    """What the test before counted is forgotten."""


@pytest.fixture
def code(customer: Customer) -> str:
    """The code of a message that went out."""
    made = codes.new_code(customer.operator)
    message = Message.objects.create(
        operator=customer.operator,
        customer=customer,
        reference="link:1:1",
        template="link",
        language="en",
        channel="outbox",
        status="sent",
        code=made,
        created_at=SENT_AT,
        next_attempt_at=SENT_AT,
    )
    Handover.objects.create(
        message=message,
        reference="handover-1",
        channel="outbox",
        account="default",
        outcome="accepted",
        last_digits="23",
        at=SENT_AT,
        changed_at=SENT_AT,
    )
    return made


def ask(phone: Client, typed: str, **more: object) -> HttpResponse:
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', phone.get("/verify").content.decode())[0]
    return phone.post("/verify", {"code": typed, "csrfmiddlewaretoken": token}, **more)  # type: ignore[return-value, arg-type]


def words(answer: HttpResponse) -> str:
    """What the page says, without its CSRF token."""
    return re.sub(r'value="\w{64}"', "", answer.content.decode())


@pytest.mark.parametrize("written", [codes.shown, str.lower, lambda code: f" {code[:4]} {code[4:]} "])
def test_it_works(phone: Client, code: str, written: object) -> None:
    answer = ask(phone, written(code))  # type: ignore[operator]
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "On 23 November we sent this code to a number ending in <bdi>23</bdi>." in shown
    assert "Our links always begin with <bdi><b>http://testserver/</b></bdi>" in shown
    assert "genuine" not in shown
    for private in ("Kari", "Holt", "7700", "900123"):
        assert private not in shown


def test_unknown_and_malformed_are_one_answer(phone: Client, code: str) -> None:
    unsent = codes.new_code(Operator.objects.get(code="brisvik"))
    others = codes.new_code(Operator.objects.get(code="solmara"))
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    typed = [unsent, others, wrong, "x", "é" * 9, "\udcff".encode("utf-8", "replace").decode(), "A" * 4000, "<b>", ""]
    said = {words(ask(phone, each)) for each in typed}
    assert len(said) == 1
    assert "We know of no message with this code." in said.pop()


def test_what_we_did_not_make_costs_no_query(phone: Client, code: str) -> None:
    ask(phone, "x")
    with CaptureQueriesContext(connection) as asked:
        for typed in (code[:-1] + ("0" if code[-1] != "0" else "1"), "K7M42PQ9X0", "", "é"):
            ask(phone, typed)
    assert len(asked) == 0
    with CaptureQueriesContext(connection) as asked:
        ask(phone, code)
    assert len(asked) == 1


def test_a_get_looks_nothing_up(phone: Client, code: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        shown = phone.get(f"/verify?code={code}").content.decode()
    assert "we sent this code" not in shown
    assert len(asked) <= 2, "the operators may have been read"


def test_one_address_has_its_share_and_others_have_theirs(phone: Client, code: str) -> None:
    for _ in range(verify_views.LIMIT[0]):
        assert ask(phone, "x").status_code == 200
    refused = ask(phone, code)
    assert refused.status_code == 429
    assert "Please wait a few minutes" in refused.content.decode()
    assert ask(phone, code, REMOTE_ADDR="198.51.100.7").status_code == 200


def test_with_valkey_down_it_is_closed_politely(phone: Client, code: str, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/at/all?db=0"
    answers = [ask(phone, typed) for typed in (code, "x")]
    assert {answer.status_code for answer in answers} == {503}
    assert "We can’t look up codes just now" in answers[0].content.decode()


def test_without_its_token_it_answers_nothing(phone: Client, code: str) -> None:
    assert phone.post("/verify", {"code": code}).status_code == 403


def test_in_the_customers_languages(phone: Client, code: str) -> None:
    shown = phone.get("/verify?lang=nb").content.decode()
    assert "Slå opp en melding" in shown
    assert "Den 23. november sendte vi denne koden" in ask(phone, code).content.decode()
    arabic = phone.get("/verify", headers={"host": "solmara.localhost", "accept-language": "ar"}).content.decode()
    assert '<html lang="ar" dir="rtl">' in arabic
