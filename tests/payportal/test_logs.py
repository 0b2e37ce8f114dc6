"""No secret and no person reaches a log, whoever writes the line."""

import io
import json
import logging

import pytest
import structlog
from django.conf import settings
from django.test import Client

from payportal import logs
from tests import world


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("GET /p/AAAAAAAAAAA/BBBBBBBBBBBBBBBBBBBBBBBBBBB", "GET /p/…"),
        ("went to /r/CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC then", "went to /r/… then"),
        ("carrier fetched /q/AAAAAAAAAAA/BBBBBBBBBBBBBBBBBBBBBBBBBBB.jpg", "carrier fetched /q/….jpg"),
        ("POST /webhooks/exotel_sms/default?t=ab12-CD_34&x=1", "POST /webhooks/exotel_sms/default?t=…&x=1"),
        ("pi_3Abc_secret_Xyz123", "pi_3Abc_secret_…"),
        ("key sk_test_abc123 and whsec_abc123", "key sk_test_… and whsec_…"),
        ("card 4242 4242 4242 4242 refused", "card … refused"),
        ("sms to +447700900123", "sms to +…"),
        ("mail to kari@example.com", "mail to …@…"),
        ("duplicate key\nDETAIL:  Key (phone)=(+447700900123) already exists.", "duplicate key\nDETAIL: …"),
        ("payment R7KD29MX of 104700 NOK", "payment R7KD29MX of 104700 NOK"),
    ],
)
def test_secrets_and_persons_are_blanked_out(text: str, cleaned: str) -> None:
    assert logs.clean(text) == cleaned


@pytest.fixture
def written() -> io.StringIO:
    """What a handler with our formatter writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    config = settings.LOGGING["formatters"]["json"]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=config["processors"], foreign_pre_chain=config["foreign_pre_chain"]
        )
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream  # type: ignore[misc]
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_traceback_is_cleaned_too(written: io.StringIO) -> None:
    for log in (structlog.get_logger("ours"), logging.getLogger("somebody.elses")):
        try:
            raise ValueError("sms to +447700900123")
        except ValueError:
            log.exception("it failed")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert len(lines) == 2
    assert all("ValueError" in line["exception"] for line in lines)
    assert "900123" not in written.getvalue()


@pytest.mark.django_db
def test_a_request_is_logged_without_its_address(written: io.StringIO) -> None:
    owner = world.operator()
    path = "/p/AAAAAAAAAAA/BBBBBBBBBBBBBBBBBBBBBBBBBBB"
    Client(headers={"host": owner.host}).get(path + "?name=Kari")
    assert "request_finished" in written.getvalue()
    assert "AAAAAAAAAAA" not in written.getvalue()
    assert "Kari" not in written.getvalue()
