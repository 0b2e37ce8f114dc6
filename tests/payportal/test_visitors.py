"""Who visits: an address that nobody can make up, the class of device, and the app around the page."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from payportal import visitors

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "


def address(forwarded: str | None, remote: str = "10.0.0.9") -> str:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    return visitors.address_of(RequestFactory(headers=headers).get("/", REMOTE_ADDR=remote))


def test_it_works(settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    assert address("198.51.100.7") == "198.51.100.7"


def test_without_proxies_of_ours_nobodys_word_is_taken(settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 0
    assert address("198.51.100.7", "203.0.113.5") == "203.0.113.5"


@pytest.mark.parametrize(
    "count, forwarded, seen",
    [
        (1, "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        (1, "1.1.1.1,2.2.2.2 , 198.51.100.7", "198.51.100.7"),
        (2, "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        # Who came in behind the outermost proxy: what our inner one saw, for there is no other word.
        (2, "198.51.100.7", "198.51.100.7"),
        (1, "198.51.100.7:4711", "198.51.100.7"),
        (1, '"[2001:db8:1:2:3::4]:80"', "2001:db8:1:2::/64"),
        (1, "1.1.1.1, unknown", "10.0.0.9"),
        (1, "1.1.1.1, ", "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, None, "10.0.0.9"),
    ],
)
def test_only_what_our_proxies_wrote_counts(settings: Settings, count: int, forwarded: str | None, seen: str) -> None:
    settings.TRUSTED_PROXY_COUNT = count
    assert address(forwarded) == seen


def test_no_header_changes_whom_we_see(settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    tried = [f"{number}.1.1.1, 198.51.100.7" for number in range(1, 50)]
    assert {address(forwarded) for forwarded in tried} == {"198.51.100.7"}
    request = RequestFactory(
        headers={"x-real-ip": "1.1.1.1", "forwarded": "for=1.1.1.1", "x-client-ip": "1.1.1.1"}
    ).get("/", REMOTE_ADDR="10.0.0.9")
    assert visitors.address_of(request) == "10.0.0.9"


@pytest.mark.parametrize(
    "remote, seen",
    [
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("x" * 5000, "unknown"),
    ],
)
def test_a_household_of_ipv6_is_one_visitor(settings: Settings, remote: str, seen: str) -> None:
    settings.TRUSTED_PROXY_COUNT = 0
    assert address(None, remote) == seen


@pytest.mark.parametrize(
    "name, device",
    [
        (IPHONE + "Version/17.5 Mobile/15E148 Safari/604.1", "phone"),
        (ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36", "phone"),
        ("Opera/9.80 (Android; Opera Mini/36.2/119.132; U; id) Presto/2.12.423 Version/12.16", "phone"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0", "phone"),
        ("Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1", "tablet"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "computer"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15",
            "computer",
        ),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36", "computer"),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 Version/6.0 TV Safari/537.36", "tv"),
        ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/94.0 Safari/537.36", "tv"),
        ("Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2) AppleWebKit/537.36 Chrome/90.0 Safari/537.36", "tv"),
        ("", ""),
        ("something else", ""),
    ],
)
def test_devices(name: str, device: str) -> None:
    assert visitors.device_of(name) == device


@pytest.mark.parametrize(
    "name, app",
    [
        (IPHONE + "Mobile/15E148 Instagram 331.0.3.29.89 (iPhone14,5; iOS 17_5; en_GB; scale=3.00)", "instagram"),
        (IPHONE + "Mobile/21E236 [FBAN/FBIOS;FBAV/459.0.0.31.104;FBDV/iPhone14,5;FBLC/en_US]", "facebook"),
        (ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/465.0.0.60.83;]", "facebook"),
        (ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36 [FB_IAB/Orca-Android;FBAV/460.0.0.48.109;]", "messenger"),
        (IPHONE + "Mobile/15E148 [FBAN/MessengerForiOS;FBAV/460.0.0.30.108]", "messenger"),
        (IPHONE + "Mobile/15E148 WhatsApp/2.24.10", "whatsapp"),
        (IPHONE + "Mobile/15E148 Safari Line/14.8.0", "line"),
        (ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36 musical_ly_2023401020 BytedanceWebview/d8a21c6", "tiktok"),
        (IPHONE + "Mobile/15E148 Snapchat/12.90.0.45 (like Safari/8617.2.4.10.8, panda)", "snapchat"),
        (IPHONE + "Mobile/15E148 MicroMessenger/8.0.49(0x18003130) NetType/WIFI Language/en", "wechat"),
        (IPHONE + "GSA/320.0.6401 Mobile/15E148 Safari/604.1", "google"),
        (ANDROID + "Chrome/116.0.0.0 Mobile Safari/537.36 Telegram-Android/10.0.5 (Google Pixel 7)", "telegram"),
        (ANDROID.replace("Pixel 8", "Pixel 8; wv") + "Chrome/126.0.0.0 Mobile Safari/537.36", "app"),
        (IPHONE + "Version/17.5 Mobile/15E148 Safari/604.1", ""),
        (ANDROID + "Chrome/126.0.0.0 Mobile Safari/537.36", ""),
        (IPHONE + "CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", ""),
        (IPHONE + "FxiOS/126.0 Mobile/15E148 Safari/605.1.15", ""),
        (ANDROID + "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", ""),
        (IPHONE + "Version/17.0 EdgiOS/126.0.2592.56 Mobile/15E148 Safari/605.1.15", ""),
        (IPHONE + "Version/18.5 Mobile/15E148 Safari/605.1.15 (Ecosia ios@11.5.2.2615)", ""),
        (IPHONE + "Version/17.5 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15", ""),
        (IPHONE + "Mobile/15E148", "app"),
        (IPHONE + "Mobile/21F90 SomeApp/3.1", "app"),
        (IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS") + "Mobile/15E148", "app"),
        (IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS") + "Version/17.5 Mobile/15E148 Safari/604.1", ""),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15", ""),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", ""),
        ("", ""),
    ],
)
def test_apps(name: str, app: str) -> None:
    assert visitors.in_app(name) == app
