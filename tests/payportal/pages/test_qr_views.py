"""A link's QR code as a picture: for carriers, which are robots; it opens nothing and tells nothing."""

import io
from datetime import datetime, timedelta

import pytest
import zxingcpp
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from billing import links
from billing.models import Customer, PaymentLink
from payportal.messaging.models import Message

CARRIER = {"user-agent": "TwilioProxy/1.1"}


def address(link: PaymentLink) -> str:
    return f"/q/{link.selector}/{links.rest(link)}.jpg"


def test_it_works(phone: Client, link: PaymentLink) -> None:
    answer = phone.get(address(link), headers=CARRIER)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")
    [found] = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.content)))
    assert found.text.endswith(links.path(link))
    assert found.text.lower().startswith("http://testserver/")


def test_it_opens_marks_and_gives_nothing(phone: Client, link: PaymentLink) -> None:
    for ask in (phone.get, phone.head, phone.get):
        answer = ask(address(link), headers=CARRIER)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert not answer.cookies
    link.refresh_from_db()
    assert (link.opened_at, link.previewed_at) == (None, None)
    assert [event.kind for event in link.events.all()] == ["made"]
    # It does not let its visitor in.
    assert phone.get(f"/p/{link.selector}/").status_code == 404


@pytest.fixture
def refused(customer: Customer, link: PaymentLink, now: datetime) -> dict[str, str]:
    old = links.create(customer=customer, currency="NOK", actor="system:test", now=now - timedelta(days=2))
    revoked = links.create(customer=customer, currency="NOK", actor="system:test", now=now)
    links.revoke(revoked, actor="system:test", now=now)
    good = address(link)
    return {
        "random": "/q/AAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAAAAAAAA.jpg",
        "short": "/q/x/y.jpg",
        "no picture": "/q/x/y",
        "deeper": "/q/x/y/z.jpg",
        "altered": good.replace(good[-10], "A" if good[-10] != "A" else "B"),
        "expired": address(old),
        "revoked": address(revoked),
    }


def test_what_opens_nothing_is_answered_as_everywhere(phone: Client, refused: dict[str, str]) -> None:
    first = phone.get("/p/AAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAAAAAAAA")
    for why, path in refused.items():
        answer = phone.get(path)
        assert answer.status_code == first.status_code == 404, why
        assert sorted(answer.headers) == sorted(first.headers), why
        assert b"This link no longer works" in answer.content, why
        # But for the token of its form, which is another one each time.
        assert abs(len(answer.content) - len(first.content)) < 40, why


@pytest.mark.parametrize("why", ["random", "short", "no picture", "deeper", "altered"])
def test_what_a_stranger_can_make_costs_no_query(phone: Client, refused: dict[str, str], why: str) -> None:
    phone.get("/p/x/y")  # the operators are read
    with CaptureQueriesContext(connection) as asked:
        phone.get(refused[why])
    assert len(asked) == 0


def test_nobody_is_written_to_for_looking(phone: Client, refused: dict[str, str]) -> None:
    for path in refused.values():
        phone.get(path)
    assert not Message.objects.exists()
