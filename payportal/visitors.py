"""Who visits, as far as that matters: from which address, with what in hand, and inside which app."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

# A household or a phone has a /64 of its own, and any number of addresses in it (RFC 6177, RFC 7934).
IPV6_PREFIX = 64
NOWHERE = "unknown"

_TV = re.compile(
    r"smart-?tv|\btv\b|appletv|googletv|hbbtv|web0s|webos\.tv|tizen.+\btv|bravia|roku|aft[a-z]+ |crkey|viera",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobile)", re.IGNORECASE)
_PHONE = re.compile(
    r"iphone|ipod|android.*mobile|windows phone|opera mini|mobile;|mobile/|mobile safari", re.IGNORECASE
)
_COMPUTER = re.compile(r"windows nt|macintosh|x11;|cros ", re.IGNORECASE)

# What the browser inside an app adds to its name. Wallets, saved cards and the phone's own passwords are missing there.
_APPS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("instagram", r"\bInstagram\b"),
        ("messenger", r"\bFB_IAB/(?:MESSENGER|Orca)|FBAN/Messenger|\bMessengerForiOS|FBAN/MessengerLite"),
        ("threads", r"\bBarcelona \d"),
        ("facebook", r"\bFB(?:AN|AV|_IAB)[/;]|\bMetaIAB\b"),
        ("whatsapp", r"\bWhatsApp\b"),
        ("tiktok", r"\bmusical_ly|\bBytedanceWebview|\bByteLocale|\bTikTok\b|\btrill_"),
        ("snapchat", r"\bSnapchat\b"),
        ("wechat", r"\bMicroMessenger/"),
        ("line", r"\bLine/\d"),
        ("kakaotalk", r"\bKAKAOTALK\b"),
        ("telegram", r"\bTelegram(?:-Android)?/"),
        ("linkedin", r"\bLinkedInApp\b"),
        ("pinterest", r"\bPinterest[/ ]"),
        ("twitter", r"\bTwitter(?: for |Android)"),
        ("google", r"\bGSA/"),
        ("viber", r"\bViber\b"),
        # Android names every such window: "; wv)". On iOS it lacks what browsers add to their names: a version, and
        # Safari (developer.apple.com, "Using the Safari on iPhone User Agent String"); Chrome, Firefox and Edge say it.
        ("app", r"; wv\)|\((?:iPhone|iPad|iPod)[^)]*\)(?=.* Mobile/)(?!.* (?:Version|Safari)/)"),
    )
)


def address_of(request: HttpRequest) -> str:
    """The visitor's address, as the outermost of our own proxies saw it; of IPv6 the /64.

    Proxies append to ``X-Forwarded-For``: the last ``TRUSTED_PROXY_COUNT`` entries are theirs, and whatever stands
    before those a visitor may have made up. What can't be read there is as good as no entry.
    """
    count = settings.TRUSTED_PROXY_COUNT
    entries = request.headers.get("X-Forwarded-For", "").split(",") if count else []
    seen = _read(entries[-min(count, len(entries))]) if entries else None
    return _grouped(seen or _read(request.META.get("REMOTE_ADDR", "")))


def device_of(user_agent: str) -> str:
    """``phone``, ``tablet``, ``computer`` or ``tv``; nothing where the name doesn't say."""
    for device, pattern in (("tv", _TV), ("phone", _PHONE), ("tablet", _TABLET), ("computer", _COMPUTER)):
        if pattern.search(user_agent):
            return device
    return ""


def in_app(user_agent: str) -> str:
    """Which app the page is shown inside of, as a code; nothing in a browser of its own."""
    return next((name for name, pattern in _APPS if pattern.search(user_agent)), "")


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it, with a port or not."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _grouped(address: IPv4Address | IPv6Address | None) -> str:
    if address is None:
        return NOWHERE
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))
