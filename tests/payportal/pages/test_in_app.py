"""Inside another app wallets are missing: the page says so, and leads out with the link in hand."""

import re

import pytest
from django.test import Client

from billing import links
from billing.models import LinkEvent, PaymentLink

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
)
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
INSTAGRAM = IPHONE + "Instagram 331.0.3.29.89 (iPhone14,5; iOS 17_5; en_GB; en; scale=3.00; 1170x2532; 600000000)"
FACEBOOK = ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/465.0.0.60.83;]"
MISSING = "Apple Pay and Google Pay don’t work inside"


def open_in(name: str, link: PaymentLink) -> tuple[Client, str]:
    phone = Client(enforce_csrf_checks=True, headers={"user-agent": name, "accept-language": "en"})
    return phone, phone.get(links.path(link)).content.decode()


def leave(phone: Client, link: PaymentLink, page: str) -> tuple[str, str]:
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    answer = phone.post(f"/p/{link.selector}/out", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 302
    where = answer.headers["Location"]
    return where, phone.get(where).content.decode()


def test_it_works(link: PaymentLink) -> None:
    phone, page = open_in(INSTAGRAM, link)
    assert f"{MISSING} Instagram" in page
    where, out = leave(phone, link, page)
    assert where == f"{links.path(link)}?out=1"
    assert f'href="x-safari-http://testserver{links.path(link)}"' in out
    assert "Open in your browser" in out


def test_android_has_intents(link: PaymentLink) -> None:
    phone, page = open_in(FACEBOOK, link)
    assert f"{MISSING} Facebook" in page
    _, out = leave(phone, link, page)
    assert f'href="intent://testserver{links.path(link)}#Intent;scheme=http;end"' in out


def test_a_browser_of_its_own_is_told_nothing_of_it(phone: Client, link: PaymentLink) -> None:
    assert MISSING not in phone.get(links.path(link)).content.decode()
    # Where the app's menu led there from the page that leads out.
    there = phone.get(links.path(link) + "?out=1").content.decode()
    assert "1,047.00" in there
    assert MISSING not in there


def test_where_stripes_script_runs_the_address_stands_nowhere(link: PaymentLink) -> None:
    """CASES attack 4: the page that leads out has it, and no script of anybody else's."""
    phone, page = open_in(INSTAGRAM, link)
    secret = links.path(link).rsplit("/", 1)[1]
    assert secret not in page
    where, out = leave(phone, link, page)
    assert secret in out
    policy = phone.get(where).headers["Content-Security-Policy"]
    assert "127.0.0.1:9" not in policy
    assert "script-src 'self'" in policy
    assert re.findall(r'<script src="([^"]+)"', out) == ["/static/js/out.js"]


def test_the_timeline_says_in_which_app_it_was_opened(link: PaymentLink) -> None:
    open_in(INSTAGRAM, link)
    open_in(INSTAGRAM, link)
    told = LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", "detail")
    assert list(told) == [("made", ""), ("opened", "phone"), ("in_app", "instagram")]


def test_whoever_has_no_cookie_is_led_nowhere(phone: Client, link: PaymentLink) -> None:
    page = phone.get(links.path(link)).content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    del phone.cookies["link"], phone.cookies["again"]
    assert phone.post(f"/p/{link.selector}/out", {"csrfmiddlewaretoken": token}).status_code == 403
    assert phone.get(f"/p/{link.selector}/out").status_code == 405
    phone.get(links.path(link))
    assert phone.post(f"/p/{link.selector}/out").status_code == 403


@pytest.mark.parametrize("name", [INSTAGRAM, FACEBOOK])
def test_the_way_out_is_seen_by_no_robot_and_kept_by_nobody(link: PaymentLink, name: str) -> None:
    phone, _ = open_in(name, link)
    answer = phone.get(links.path(link) + "?out=1")
    assert answer.headers["Cache-Control"] == "no-store"
    robot = phone.get(links.path(link) + "?out=1", headers={"user-agent": "WhatsApp/2.2"})
    assert links.path(link) not in robot.content.decode()


def test_wallets_seen_are_kept_once(phone: Client, link: PaymentLink) -> None:
    page = phone.get(links.path(link)).content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    form = {"wallet": ["applePay", "link", "<x>"], "csrfmiddlewaretoken": token}
    for _ in range(3):
        assert phone.post(f"/p/{link.selector}/seen", form).status_code == 204
    assert phone.post(f"/p/{link.selector}/seen", {"wallet": "x", "csrfmiddlewaretoken": token}).status_code == 204
    assert LinkEvent.objects.get(kind="wallet_shown").detail == "apple_pay link"
    assert phone.post(f"/p/{link.selector}/seen", {"wallet": "applePay"}).status_code == 403
