"""Hostile input at every address of the pages: a clear answer, nothing changed, never a stack trace."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from billing import links
from billing.models import Payment, PaymentLink

ODD = ["é" * 44, "%00", "%F0%9F%92%A9", "..%2f..%2fetc", "A" * 3000, "%ff%fe", "'--", "<script>", "\u202e" * 10]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("address", ["/p/{}/x", "/p/x/{}", "/p/{}/", "/p/{}/sum", "/s/{}", "/r/{}"])
def test_odd_addresses_open_nothing(phone: Client, link: PaymentLink, address: str, odd: str) -> None:
    answer = phone.get(address.format(odd))
    assert answer.status_code == 404
    assert b"This link no longer works" in answer.content


@pytest.mark.parametrize("odd", ODD)
def test_odd_cookies_open_nothing(phone: Client, link: PaymentLink, odd: str) -> None:
    phone.cookies["link"] = odd.encode("ascii", "replace").decode()
    assert phone.get(f"/p/{link.selector}/").status_code == 404
    assert phone.get(f"/p/{link.selector}/state").json()["known"] is False


@pytest.mark.parametrize("query", ["lang=%00", "lang=" + "x" * 5000, "v=1&v=2", "changed[]=1", "%"])
def test_odd_queries_change_nothing(phone: Client, link: PaymentLink, query: str) -> None:
    assert b"1,047.00" in phone.get(f"{links.path(link)}?{query}").content


@pytest.mark.parametrize(
    "body, kind",
    [
        (b"x" * 600_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"bill=1" for _ in range(300)), "application/x-www-form-urlencoded"),
        (b"--", "multipart/form-data; boundary=x"),
        (b"{}", "multipart/form-data"),
        (b"\xff\xfe=\x00", "application/x-www-form-urlencoded; charset=utf-16"),
        (b'{"bill": [1]}', "application/json"),
    ],
)
@pytest.mark.parametrize("action", ["sum", "pay", "takeover"])
def test_odd_bodies_are_refused(link: PaymentLink, phone: Client, action: str, body: bytes, kind: str) -> None:
    phone.get(links.path(link))
    answer = phone.generic("POST", f"/p/{link.selector}/{action}", body, content_type=kind)
    assert answer.status_code in (400, 403)
    assert b"Traceback" not in answer.content
    assert answer.headers["Cache-Control"] == "no-store"
    assert not Payment.objects.exists()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_are_refused(phone: Client, link: PaymentLink, method: str) -> None:
    phone.get(links.path(link))
    for address in (links.path(link), f"/p/{link.selector}/", f"/p/{link.selector}/pay", "/s/x", "/r/x"):
        assert getattr(phone, method)(address).status_code in (403, 405)


def test_only_webhooks_are_exempt_from_csrf() -> None:
    exempt = {path for path, view in _views(get_resolver().url_patterns) if getattr(view, "csrf_exempt", False)}
    assert exempt == {"webhooks/stripe/<slug:account>", "webhooks/messages/<slug:channel>/<slug:account>"}


def _views(patterns: list[URLPattern | URLResolver], before: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for each in patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            found += _views(each.url_patterns, path)
        else:
            found.append((path, each.callback))
    return found
