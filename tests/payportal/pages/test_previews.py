"""Robots fetch links before people do: every known one burns nothing and sees nothing personal."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import links
from billing.models import LinkEvent, Payment, PaymentLink
from payportal.messaging.models import Message
from payportal.pages.robots import is_robots_name
from tests import threads
from tests.payportal.pages import crawlers

PREVIEW = "WhatsApp/2.23.20.0"
# What a robot that dresses up as a browser calls itself: it is shown the page, as anybody who has the link is.
DISGUISED = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
)
INSTAGRAM = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "Instagram 331.0.3.29.89 (iPhone14,5; iOS 17_5; en_GB; en; scale=3.00; 1170x2532; 600000000)"
)
PERSONAL = ("Kari", "Holt", "7700", "900123", "1,047", "1 047", "648", "Broadband", "Mobile", "overdue", "paused")


def kinds(link: PaymentLink) -> list[str]:
    return list(LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", flat=True))


def test_it_works(phone: Client, link: PaymentLink) -> None:
    shown = phone.get(links.path(link), headers={"user-agent": PREVIEW})
    assert shown.status_code == 200
    assert not shown.cookies
    assert kinds(link) == ["made", "previewed"]
    assert LinkEvent.objects.get(kind="previewed").detail == "robot"
    phone.get(links.path(link))
    assert kinds(link) == ["made", "previewed", "opened"]
    assert LinkEvent.objects.get(kind="opened").detail == "phone"


@pytest.mark.parametrize("method", ["get", "head"])
def test_many_previews_are_one_entry(phone: Client, link: PaymentLink, method: str) -> None:
    for _ in range(3):
        getattr(phone, method)(links.path(link), headers={"user-agent": PREVIEW})
    assert kinds(link) == ["made", "previewed"]


def test_a_good_link_and_a_forged_one_look_the_same_to_robots(phone: Client, link: PaymentLink) -> None:
    robot = {"user-agent": PREVIEW}
    good = phone.get(links.path(link), headers=robot)
    with CaptureQueriesContext(connection) as asked:
        forged = phone.get("/p/AAAAAAAAAAA/" + "A" * 27, headers=robot)
    assert len(asked) == 0
    assert (good.status_code, good.content) == (forged.status_code, forged.content)
    assert sorted(good.headers) == sorted(forged.headers)


@pytest.mark.parametrize("which", ["ours", pytest.param("whole", marks=pytest.mark.slow)])
def test_the_lists_of_crawlers_burn_nothing_and_see_nothing(phone: Client, link: PaymentLink, which: str) -> None:
    """CASES attack 3."""
    names = crawlers.OURS if which == "ours" else crawlers.whole_list()
    if not names:
        pytest.skip(crawlers.MISSING)
    robots = [name for name in names if is_robots_name(name)]
    assert len(robots) > (50 if which == "ours" else 1000)
    for name in robots:
        shown = phone.get(links.path(link), headers={"user-agent": name})
        assert shown.status_code == 200, name
        assert not shown.cookies, name
        seen = shown.content.decode()
        assert not [word for word in PERSONAL if word in seen], name
    for name in robots[::50]:
        assert phone.head(links.path(link), headers={"user-agent": name}).content == b""
        phone.get(f"/p/{link.selector}/", headers={"user-agent": name})
    assert kinds(link) == ["made", "previewed"]
    assert not Payment.objects.exists()
    assert not Message.objects.exists()
    link.refresh_from_db()
    assert (link.opened_at, link.revoked_at) == (None, None)
    assert "1,047.00" in phone.get(links.path(link)).content.decode()


def told(link: PaymentLink) -> list[tuple[str, str]]:
    return list(LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", "detail"))


def test_a_robot_in_disguise_does_not_use_up_the_persons_opening(phone: Client, link: PaymentLink) -> None:
    """Agents and figures live off the timeline: it says that the phone opened it, and in which app, once each."""
    disguised = {"user-agent": DISGUISED}
    instagram = {"user-agent": INSTAGRAM}
    Client(headers=disguised).get(links.path(link))
    link.refresh_from_db()
    first = link.opened_at
    for _ in range(2):
        phone.get(links.path(link))
        phone.get(links.path(link), headers=instagram)
        phone.get(links.path(link), headers=disguised)
    assert told(link) == [("made", ""), ("opened", "computer"), ("opened", "phone"), ("in_app", "instagram")]
    link.refresh_from_db()
    assert link.opened_at == first


def test_the_first_opening_inside_an_app_is_told_in_order(phone: Client, link: PaymentLink) -> None:
    for _ in range(2):
        phone.get(links.path(link), headers={"user-agent": INSTAGRAM})
    assert told(link) == [("made", ""), ("opened", "phone"), ("in_app", "instagram")]


@pytest.mark.django_db(transaction=True)
def test_opened_by_ten_at_once_is_one_opening(link: PaymentLink, phone: Client) -> None:
    now = timezone.now()
    threads.at_once(*[lambda: links.mark_opened(link, now, device="phone", app="instagram") for _ in range(10)])
    assert told(link) == [("made", ""), ("opened", "phone"), ("in_app", "instagram")]


def test_a_robot_in_disguise_uses_nothing_up(link: PaymentLink) -> None:
    """A GET of a browser's may be a mail scanner's: whatever it follows, the link works as before."""
    robot = Client(headers={"user-agent": DISGUISED})
    base = f"/p/{link.selector}/"
    for _ in range(3):
        robot.get(links.path(link))
        for path in ("", "state", "sum", "pay", "takeover", "waiting", "out", "seen", "pin", "code", "?changed=1"):
            robot.get(base + path)
            robot.head(base + path)
        robot.get(links.path(link) + "?out=1")
        robot.get("/verify?code=K7M42PQ9X")
    assert not Payment.objects.exists()
    assert not Message.objects.exists()
    link.refresh_from_db()
    assert link.revoked_at is None
    assert set(kinds(link)) <= {"made", "opened", "previewed", "pin_asked"}
    shown = Client(headers={"user-agent": DISGUISED}).get(links.path(link)).content.decode()
    assert "1,047.00" in shown
    for private in ("Kari", "Holt", "7700", "900123"):
        assert private not in shown
