"""The demo's phone: what landed on it, newest last, kept fresh by itself."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from billing import links
from billing.models import Customer
from payportal.demo import data, inbox
from payportal.messaging import messages
from payportal.messaging.models import Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def kari() -> Customer:
    data.load(datetime.now(UTC))
    return data.customer(data.PRINTED_CUSTOMER)


def land(customer: Customer, template: str, **more: object) -> None:
    now = datetime.now(UTC)
    values: dict[str, object] = {"context": {"names": {"en": "Films"}}, "reference": f"{template}:1"} | more
    messages.queue(operator=customer.operator, customer=customer, template=template, now=now, **values)  # type: ignore[arg-type]
    assert messages.deliver(Message.objects.latest("pk").pk, now)


def test_it_works(client: Client, kari: Customer) -> None:
    now = datetime.now(UTC)
    link = links.create(customer=kari, currency="NOK", actor="system:test", now=now)
    land(kari, "link", link=link)
    land(kari, "on")
    page = client.get("/demo/inbox/")
    assert page.status_code == 200
    text = page.content.decode()
    assert f'<a class="btn" href="{links.url(link)}">See and pay</a>' in text
    assert text.index("See and pay") < text.index("Films is on")
    assert "+447700900123" in text
    assert "no-store" in page["Cache-Control"]


def test_the_list_comes_alone_and_only_when_it_changed(client: Client, kari: Customer) -> None:
    land(kari, "on")
    address, version = re.search(r'hx-get="([^"?]+)\?v=(\d+)"', client.get("/demo/inbox/").content.decode()).groups()  # type: ignore[union-attr]
    assert client.get(address, {"v": version}).status_code == 204
    land(kari, "again")
    part = client.get(address, {"v": version})
    assert part.status_code == 200
    assert part.content.decode().lstrip().startswith("<ol")
    assert "on again" in part.content.decode()


def test_a_link_that_ended_is_struck_out(client: Client, kari: Customer) -> None:
    now = datetime.now(UTC)
    link = links.create(customer=kari, currency="NOK", actor="system:test", now=now, lifetime=timedelta(hours=1))
    land(kari, "link", link=link)
    links.revoke(link, actor="system:test", now=now)
    text = client.get("/demo/inbox/").content.decode()
    assert "<s>See and pay</s>" in text
    assert link.selector not in text


def test_a_name_with_markup_is_shown_as_text(client: Client, kari: Customer) -> None:
    """CASES attack 11."""
    land(kari, "on", context={"names": {"en": "<script>alert(1)</script>"}})
    text = client.get("/demo/inbox/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_each_phone_shows_its_own(client: Client, kari: Customer) -> None:
    land(kari, "on")
    salma = data.customer(data.SOLMARA_CUSTOMER)
    land(salma, "again")
    other = client.get("/demo/inbox/solmara/70017/").content.decode()
    assert "Films is on.<" not in other
    assert 'dir="rtl"' in other
    assert client.get("/demo/inbox/solmara/20461/").status_code == 404


def test_an_empty_inbox_says_so(client: Client, kari: Customer) -> None:
    page = client.get("/demo/inbox/", headers={"accept-language": "en"})
    assert "No messages yet." in page.content.decode()


def test_the_page_needs_nothing_that_the_policy_refuses(client: Client, kari: Customer) -> None:
    """CASES attack 5."""
    land(kari, "on")
    page = client.get("/demo/inbox/").content.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|hx-on|\bon\w+=", page)
    sheet = client.get("/demo/inbox/brisvik/brand.css")
    assert sheet.content == b":root{--brand:#0d4a59;--on-brand:#fff}"
    assert client.get("/demo/inbox/nobody/brand.css").status_code == 404


@pytest.mark.parametrize("color, ink", [("#0d4a59", "#fff"), ("#ffb31a", "#000"), ("#000000", "#fff")])
def test_the_ink_can_be_read_on_the_colour(color: str, ink: str) -> None:
    assert inbox._ink_on(color) == ink


def test_nothing_is_changed_by_looking(client: Client, kari: Customer) -> None:
    assert client.post("/demo/inbox/").status_code == 405
