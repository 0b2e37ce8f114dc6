"""Opening a link: what is shown, what is set, what is kept; and the one answer for all that opens nothing."""

import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import links
from billing.models import Customer, Operator, PaymentLink
from tests import world


def page(phone: Client, link: PaymentLink, **headers: str) -> str:
    answer = phone.get(links.path(link), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_works(phone: Client, link: PaymentLink) -> None:
    shown = page(phone, link)
    for words in ("1,047.00", "12 days overdue", "Your TV is paused.", "Sports weekend", "for 3 days", "Brisvik"):
        assert words in shown


def test_the_bill_that_is_late_comes_first_and_all_are_ticked(phone: Client, link: PaymentLink) -> None:
    shown = page(phone, link)
    assert shown.index("Broadband and TV") < shown.index("Mobile")
    assert shown.count('name="bill"') == shown.count('" checked>') == 2


def test_nothing_says_who_the_customer_is(phone: Client, link: PaymentLink) -> None:
    shown = page(phone, link)
    for private in ("Kari", "Holt", "7700", "900123", "40 GB"):
        assert private not in shown


def test_it_sets_a_cookie_for_this_link_alone(phone: Client, link: PaymentLink) -> None:
    cookie = phone.get(links.path(link)).cookies["link"]
    assert cookie["path"] == f"/p/{link.selector}/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["secure"]
    assert phone.get(links.path(link), secure=True).cookies["link"]["secure"]


def test_the_cookie_opens_the_address_that_says_nothing(phone: Client, link: PaymentLink) -> None:
    quiet = f"/p/{link.selector}/"
    assert phone.get(quiet).status_code == 404
    page(phone, link)
    assert b"1,047.00" in phone.get(quiet).content


def test_opening_is_kept_once(phone: Client, link: PaymentLink) -> None:
    page(phone, link)
    page(phone, link)
    link.refresh_from_db()
    assert link.opened_at is not None
    assert list(link.events.order_by("pk").values_list("kind", flat=True)) == ["made", "opened"]


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-purpose": "prefetch;prerender"},
        {"user-agent": "WhatsApp/2.23.20.0"},
        {"user-agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"},
    ],
)
def test_a_robot_sees_and_burns_nothing(phone: Client, link: PaymentLink, method: str, headers: dict[str, str]) -> None:
    phone.get("/p/x/y")  # the operators are read
    with CaptureQueriesContext(connection) as asked:
        answer = getattr(phone, method)(links.path(link), headers=headers)
    assert answer.status_code == 200
    assert len(asked) <= 2, "looked up, and noted as previewed"
    assert not answer.cookies
    assert b"1,047" not in answer.content
    link.refresh_from_db()
    assert link.opened_at is None
    assert link.previewed_at is not None


def test_head_is_a_robot(phone: Client, link: PaymentLink) -> None:
    assert not phone.head(links.path(link)).cookies
    link.refresh_from_db()
    assert link.opened_at is None


def unmasked(content: bytes) -> bytes:
    """The page without its CSRF token, which Django masks anew each time."""
    page, tokens = re.subn(rb'(name="csrfmiddlewaretoken" value=")\w{64}"', rb'\1"', content)
    assert tokens == 1
    return page


@pytest.fixture
def refused(customer: Customer, link: PaymentLink, now: datetime) -> dict[str, str]:
    """Addresses that open nothing, each for a reason of its own."""
    actor = "system:test"
    solmara = Operator.objects.get(code="solmara")
    other = links.create(customer=world.customer(solmara), currency="EUR", actor=actor, now=now)
    old = links.create(customer=customer, currency="NOK", actor=actor, now=now - timedelta(days=2))
    revoked = links.create(customer=customer, currency="NOK", actor=actor, now=now)
    links.revoke(revoked, actor=actor, now=now)
    good = links.path(link)
    last = "A" if good[-5] != "A" else "B"
    return {
        "unknown": "/p/AAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "garbage": "/p/%00%FF/x",
        "long": "/p/" + "A" * 1000 + "/" + "B" * 1000,
        "deeper": good + "/more",
        "altered": good[:-5] + last + good[-4:],
        "another operator's": links.path(other),
        "expired": links.path(old),
        "revoked": links.path(revoked),
        "no cookie": f"/p/{link.selector}/",
        "status": "/s/" + "A" * 44,
        "receipt": "/r/" + "A" * 45,
    }


def test_all_that_opens_nothing_gets_one_answer(phone: Client, refused: dict[str, str]) -> None:
    answers = {why: phone.get(path) for why, path in refused.items()}
    first = answers["unknown"]
    assert first.status_code == 404
    assert b"This link no longer works" in first.content
    for why, answer in answers.items():
        assert answer.status_code == 404, why
        assert unmasked(answer.content) == unmasked(first.content), why
        assert sorted(answer.headers) == sorted(first.headers), why


@pytest.mark.parametrize("why", ["unknown", "garbage", "altered", "another operator's", "expired", "status", "receipt"])
def test_what_a_stranger_can_make_costs_no_query(phone: Client, refused: dict[str, str], why: str) -> None:
    phone.get("/healthz")
    phone.get("/p/x/y")  # the operators are read
    with CaptureQueriesContext(connection) as asked:
        phone.get(refused[why])
    assert len(asked) == 0


@pytest.mark.parametrize("bills", [0, 5, 25])
def test_six_queries_however_many_bills(phone: Client, customer: Customer, link: PaymentLink, bills: int) -> None:
    account = customer.accounts.all()[0]
    for _ in range(bills):
        world.bill(account, now=timezone.now())
    for _visit in ("first", "again"):
        with CaptureQueriesContext(connection) as asked:
            shown = page(phone, link)
        assert shown.count('name="bill"') == bills + 2
        assert len(asked) <= 6, [query["sql"][:90] for query in asked]


def test_every_answer_is_private(phone: Client, link: PaymentLink, refused: dict[str, str]) -> None:
    for path in (links.path(link), *refused.values(), f"/p/{link.selector}/state", "/nowhere"):
        headers = phone.get(path).headers
        assert headers["Cache-Control"] == "no-store", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert "noindex" in headers["X-Robots-Tag"], path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"], path


def test_stripes_hosts_only_where_one_can_pay(phone: Client, link: PaymentLink, settings: object) -> None:
    settings.STRIPE_JS_URL = "https://js.stripe.com/endive/stripe.js"  # type: ignore[attr-defined]
    assert "https://js.stripe.com" in phone.get(links.path(link)).headers["Content-Security-Policy"]
    assert "stripe" not in phone.get("/p/x/y").headers["Content-Security-Policy"]


def test_a_stand_in_at_an_ipv6_address_is_admitted_by_its_port(
    phone: Client, link: PaymentLink, settings: object
) -> None:
    """A policy can't name such an address, and browsers pass over what they can't read."""
    settings.STRIPE_JS_URL = "http://[::1]:8763/endive/stripe.js"  # type: ignore[attr-defined]
    policy = phone.get(links.path(link)).headers["Content-Security-Policy"]
    # The order of the directives differs from process to process.
    assert "script-src 'self' http://*:8763" in policy.split("; ")
    assert "[" not in policy


def test_names_are_text_whatever_is_in_them(phone: Client, customer: Customer, link: PaymentLink) -> None:
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    customer.accounts.update(names={"en": attack})
    shown = page(phone, link)
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown
