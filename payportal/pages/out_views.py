"""The way out of the browsers inside apps, where wallets are missing: to the phone's own, with the link in hand."""

import re
from urllib.parse import urlsplit

from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing import links
from payportal import visitors
from payportal.pages import access, shell
from payportal.pages.requests import LinkRequest

# What the apps call themselves, for people.
NAMES = {
    "instagram": "Instagram",
    "messenger": "Messenger",
    "threads": "Threads",
    "facebook": "Facebook",
    "whatsapp": "WhatsApp",
    "tiktok": "TikTok",
    "snapchat": "Snapchat",
    "wechat": "WeChat",
    "line": "LINE",
    "kakaotalk": "KakaoTalk",
    "telegram": "Telegram",
    "linkedin": "LinkedIn",
    "pinterest": "Pinterest",
    "twitter": "X",
    "google": "Google",
    "viber": "Viber",
}


@require_POST
@access.link_required
def leave(request: LinkRequest) -> HttpResponse:
    """Back to the full address, which the payment page had hidden: the cookie does not travel to another browser.

    The page there has none of Stripe's scripts, and the app's own menu opens the right address from it.
    """
    return shell.private(HttpResponseRedirect(f"{links.path(request.link)}?out=1"))


def show(request: LinkRequest) -> HttpResponse:
    """The page that leads out: a button where the phone has a way, the address to be copied, and words for the rest."""
    address = request.build_absolute_uri(links.path(request.link))
    context = {
        "app": app_name(request),
        "address": address,
        "way_out": _way_out(address, request.headers.get("User-Agent", "")),
        "base": f"/p/{request.link.selector}/",
        "script": shell.asset("js/out.js"),
    }
    return shell.page(request, "pages/out.html", kind="plain", context=context)


def app_name(request: LinkRequest) -> str:
    """The app that the page is shown inside of, in words; nothing in a browser of its own."""
    app = visitors.in_app(request.headers.get("User-Agent", ""))
    return NAMES.get(app, _("this app")) if app else ""


def _way_out(address: str, user_agent: str) -> str:
    """An address that opens in the phone's own browser: an intent on Android, Safari's own scheme on iOS."""
    parts = urlsplit(address)
    if "Android" in user_agent:
        return f"intent://{parts.netloc}{parts.path}#Intent;scheme={parts.scheme};end"
    if re.search(r"iPhone|iPad|iPod", user_agent):
        return f"x-safari-{address}"
    return ""
