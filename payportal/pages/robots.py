"""Who comes without a person: previews, crawlers, prefetches. They are shown nothing and burn nothing.

Messengers fetch a link before anybody has tapped it, and some browsers before anybody has looked at it. A person taken
for a robot could not pay, so the rule is about what people's browsers never say: they begin with ``Mozilla/5.0 (`` and
name no address. The few robots that dress up as browsers are named. Who gives no name at all is taken for a person: a
careful proxy may have taken it away, and robots' page has no way on.
"""

import re
from functools import lru_cache

from django.http import HttpRequest

_NOT_A_BROWSER = (
    r"^(?!mozilla/5\.0 \(|opera/)",
    r"https?:|www\.|\w@[a-z]|\(compatible[;)]|; compatible",
    r"\.(?:com|org|net|io|ai|de|fr|co|jp|ru|eu|me|app)\b(?![\w./-]*\d)",
    r"(?<!cu)bot\b|(?<!cu)bot[/_;,)-]|robots|crawl|spider|scrap|preview|prefetch|slurp|monitor|facebookexternalhit",
)
# A headless browser of today is somebody's test, ours among them; versions of two digits are robots that never update.
_DRESSED_UP = (
    r"headlesschrome/\d\d\.|puppeteer|playwright|selenium|lighthouse|electron/|splash |qtwebengine",
    r"ips-agent|outbrain|physicalweb|google favicon|playstore-google|datanyze|ptst/|tms/|dareboost|scan\b|scan/",
    r"synthetics|nikto|acunetix|newsai|collapsify|hubverify|hardenize|manus-user|optimizer|silktide|thousandeyes",
    r"sindup|turingos|brokenlinkcheck|criticalcss|\bdlc/|foregenix|ghost inspector|gtmetrix|hotjar|linktiger",
    r"marketgoo|pwabuilder|readable/|securityheaders|rigor\)|testlocally|\bylt\b|watchtowr|productfinder",
)
# The longest known robot's has 285 signs; apps' own browsers say more, at the end, where nothing is looked for.
LONGEST_NAME = 300
_ROBOT = re.compile("|".join((*_NOT_A_BROWSER, *_DRESSED_UP)), re.IGNORECASE)


def is_robot(request: HttpRequest) -> bool:
    """Whether this visit is no person's: by its method, its purpose, or the name it gives."""
    if request.method == "HEAD":
        return True
    purpose = f"{request.headers.get('Sec-Purpose', '')} {request.headers.get('Purpose', '')}"
    if "prefetch" in purpose or "preview" in purpose:
        return True
    return is_robots_name(request.headers.get("User-Agent", ""))


def is_robots_name(user_agent: str) -> bool:
    """Whether a user agent is a robot's; who gives no name is taken for a person."""
    if len(user_agent) > LONGEST_NAME:
        # At a space: half a word could be what people's browsers never say.
        cut = user_agent[:LONGEST_NAME]
        user_agent = cut.rpartition(" ")[0] or cut
    return bool(user_agent) and _is_robots(user_agent)


# The same few hundred names come again and again, and the expression above is the dearest part of a refusal.
@lru_cache(maxsize=2048)
def _is_robots(user_agent: str) -> bool:
    return _ROBOT.search(user_agent) is not None
