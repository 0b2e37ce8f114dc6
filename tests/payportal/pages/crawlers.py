"""Names that robots give: our own collection, of each kind a few, and the whole list of known ones where it is.

Ours was written down for these tests, from what those who run the robots publish of them. The whole list
(../shared/crawlers) is other people's data and not part of the project: what needs it is skipped without it.
"""

import json
from pathlib import Path

WHOLE_LIST = Path(__file__).resolve().parents[4] / "shared" / "crawlers" / "crawler-user-agents.json"
MISSING = "the list of known crawlers is not on this machine (../shared/crawlers)"

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"
# Messengers and networks that show what a link leads to, before anybody has tapped it.
PREVIEWS = (
    "WhatsApp/2.23.20.0 A",
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack-ImgProxy (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    # Apple's Messages.
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 "
    "Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (compatible; Pinterestbot/1.0; +https://www.pinterest.com/bot.html)",
    "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)",
    "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "Viber/13.0",
    "Iframely/1.3.1 (+https://iframely.com/docs/about)",
    "Mastodon/4.2.0 (http.rb/5.1.1; +https://example.no/)",
)
# Search, and what feeds on pages.
CRAWLERS = (
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {_CHROME}126.0.0.0 Mobile Safari/537.36 "
    "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
    "Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)",
    "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; "
    "Bytespider; spider-feedback@example.com)",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    "ia_archiver (+http://www.alexa.com/site/help/webmasters; crawler@example.com)",
)
# Watching, testing, searching for holes.
WATCHERS = (
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME}126.0.0.0 Safari/537.36 Chrome-Lighthouse",
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME}126.0.0.0 Safari/537.36 PTST/240601.1",
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME}70.0.0.0 HeadlessChrome/70.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME}115.0 Safari/537.36 links+checker@example.no",
    "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)",
)
# Programs that say what they are.
PROGRAMS = (
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.32.0",
    "Python/3.11 aiohttp/3.9.5",
    "Go-http-client/2.0",
    "okhttp/4.12.0",
    "axios/1.7.2",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "Java/17.0.11",
    "Apache-HttpClient/4.5.14 (Java/17.0.11)",
    "libwww-perl/6.77",
    "Ruby",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17628; Pro)",
)
OURS = (*PREVIEWS, *CRAWLERS, *WATCHERS, *PROGRAMS)


def whole_list() -> list[str]:
    """Every name of the whole list; empty where that is not on this machine."""
    if not WHOLE_LIST.exists():
        return []
    return [name for row in json.loads(WHOLE_LIST.read_text()) for name in row.get("instances", [])]
