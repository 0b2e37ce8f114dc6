"""Telling robots from people: a person taken for a robot could not pay."""

import pytest
from django.test import Client

from billing import links
from billing.models import Payment, PaymentLink
from payportal.pages.robots import LONGEST_NAME, is_robots_name
from tests.payportal.pages import crawlers

PEOPLE = [
    "",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 "
    "Chrome/121.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21E236 "
    "[FBAN/FBIOS;FBAV/459.0.0.31.104;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.4.1;FBLC/en_US]",
    "Mozilla/5.0 (Linux; Android 13; Pixel 7 Build/TQ3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/116.0.0.0 Mobile Safari/537.36 Telegram-Android/10.0.5 (Google Pixel 7; Android 13; SDK 33; HIGH)",
    "Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0",
    "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
    # Ecosia's browsers: github.com/ecosia/ios-browser, UserAgent.swift; their sign is no mail address's.
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/605.1.15 (Ecosia ios@11.5.2.2615)",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36 "
    "(Ecosia android@138.0.7204.157)",
]
# In-app browsers of people and a desktop shell, though the list of crawlers has them.
PEOPLE_IN_THE_LIST = ("Instagram 4", "MetaIAB Facebook", "Fluid/0.9")


@pytest.mark.parametrize("name", PEOPLE)
def test_people_are_people(name: str) -> None:
    assert not is_robots_name(name)


@pytest.mark.parametrize("name", crawlers.OURS)
def test_robots_are_robots(name: str) -> None:
    assert is_robots_name(name)


@pytest.mark.parametrize("more", [" NetType/WIFI Language/en", " com.example.app/1.20.300 Build/4711", " a"])
def test_a_long_name_of_a_persons_is_cut_and_no_robots(more: str) -> None:
    """Apps say a lot in theirs. Wherever the cut falls, what is left of a word makes nobody a robot."""
    for padding in range(40):
        assert not is_robots_name(PEOPLE[4] + "x" * padding + more * 40)


def test_of_a_name_no_more_is_looked_at_than_people_send() -> None:
    """A crafted one of a thousand signs, another for each request, would be the dearest part of a refusal."""
    assert is_robots_name(PEOPLE[1] + "; Googlebot/2.1")
    assert not is_robots_name(PEOPLE[1] + " (x" * LONGEST_NAME + "; Googlebot/2.1")
    assert is_robots_name("x" * 5000)
    assert LONGEST_NAME <= 300


def test_who_gives_no_name_is_shown_the_page(link: PaymentLink) -> None:
    """Browsers always give one, careful proxies take it away: robots' page has no way on, so that it is a person."""
    shown = Client(headers={"user-agent": "", "accept-language": "en"}).get(links.path(link)).content.decode()
    assert "1,047.00" in shown
    assert "Kari" not in shown
    assert not Payment.objects.exists()


def test_every_known_crawler() -> None:
    names = crawlers.whole_list()
    if not names:
        pytest.skip(crawlers.MISSING)
    missed = [name for name in names if not is_robots_name(name)]
    assert len(names) > 1000
    assert [name for name in missed if not any(person in name for person in PEOPLE_IN_THE_LIST)] == []
