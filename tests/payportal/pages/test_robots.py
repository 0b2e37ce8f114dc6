"""Telling robots from people: a person taken for a robot could not pay."""

import json
from pathlib import Path

import pytest

from payportal.pages.robots import is_robots_name

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
]
ROBOTS = [
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "curl/8.5.0",
    "python-requests/2.32.0",
]
# In-app browsers of people and a desktop shell, though the list of crawlers has them.
PEOPLE_IN_THE_LIST = ("Instagram 4", "MetaIAB Facebook", "Fluid/0.9")
CRAWLERS = Path(__file__).resolve().parents[4] / "shared" / "crawlers" / "crawler-user-agents.json"


@pytest.mark.parametrize("name", PEOPLE)
def test_people_are_people(name: str) -> None:
    assert not is_robots_name(name)


@pytest.mark.parametrize("name", ROBOTS)
def test_robots_are_robots(name: str) -> None:
    assert is_robots_name(name)


def test_every_known_crawler() -> None:
    if not CRAWLERS.exists():
        pytest.skip("the list of known crawlers is not on this machine (../shared/crawlers)")
    names = [name for row in json.loads(CRAWLERS.read_text()) for name in row.get("instances", [])]
    missed = [name for name in names if not is_robots_name(name)]
    assert len(names) > 1000
    assert [name for name in missed if not any(person in name for person in PEOPLE_IN_THE_LIST)] == []
