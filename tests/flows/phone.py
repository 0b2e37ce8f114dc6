"""A customer's phone as far as the server can tell: cookies, forms, and what Stripe.js would do."""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import requests
from django.utils import timezone

from activation import jobs, sweep
from billing import gateway_events, links
from billing.models import PaymentLink
from payportal.demo import data
from payportal.demo.stripe_standin import StandIn
from payportal.messaging import sweeping
from tests import world

# What calls itself anything else may be a robot, and robots see nothing.
BROWSER = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"


def new_link(customer: tuple[str, str]) -> PaymentLink:
    """A fresh link, as an agent makes it."""
    owner = data.customer(customer)
    return links.create(customer=owner, currency=owner.operator.currency, actor="staff:1", now=timezone.now())


def work(later: timedelta = timedelta(0)) -> None:
    """What workers and beat do, once around."""

    def clock() -> datetime:
        return timezone.now() + later

    gateway_events.process_waiting(clock())
    sweep.find(clock())
    jobs.run_due(clock)
    sweeping.sweep(clock())


def until(is_so: Callable[[], object], seconds: float = 20) -> None:
    """Work until it is so; an assertion when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        work()


class Phone:
    """One browser with cookies of its own. ``pay`` is the tap; ``confirm`` what the wallet and Stripe.js do then."""

    def __init__(self, base: str, link: PaymentLink) -> None:
        self.base = base
        self.link = link
        self.session = requests.Session()
        self.session.headers.update({"Accept-Language": "en", "User-Agent": BROWSER})
        self.page = ""

    def open(self) -> str:
        """Open the link's address."""
        answer = self.session.get(self.base + links.path(self.link), timeout=10)
        self.page = answer.text
        return self.page

    def get(self, path: str) -> requests.Response:
        """Any other address."""
        return self.session.get(self.base + path, timeout=10)

    def state(self) -> dict[str, object]:
        """What the script asks before paying is possible, saying what its page shows."""
        shown = {name: re.search(rf'data-{name}="(\d+)"', self.page) for name in ("version", "paid")}
        asked = f"?v={shown['version'][1]}&paid={shown['paid'][1]}" if all(shown.values()) else ""  # type: ignore[index]
        said: dict[str, object] = self.get(f"/p/{self.link.selector}/state{asked}").json()
        return said

    def post(self, what: str, **fields: object) -> requests.Response:
        """Post a form of the page, with its CSRF token."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        assert token, "the page has no form"
        return self.session.post(
            f"{self.base}/p/{self.link.selector}/{what}",
            data={"csrfmiddlewaretoken": token[1], **fields},
            headers={"Referer": self.base},
            timeout=10,
            allow_redirects=False,
        )

    def bills(self) -> list[str]:
        """The keys of the bills on the page."""
        return re.findall(r'name="bill" value="(\d+)"', self.page)

    def packages(self) -> list[str]:
        """The keys of the packages on the page."""
        return re.findall(r'name="package" value="(\d+)"', self.page)

    def pay(self, amount: int, bills: list[str] | None = None, packages: list[str] | None = None) -> requests.Response:
        """Tap on a wallet: all bills unless said otherwise."""
        return self.post(
            "pay", amount_shown=amount, bill=self.bills() if bills is None else bills, package=packages or []
        )

    def confirm(self, standin: StandIn, started: requests.Response, card: str = world.GOOD_CARD) -> str:
        """Confirm in the wallet; the path of the status page that Stripe.js would return to."""
        said = started.json()
        world.confirm(standin, said["client_secret"], card)
        return "/s/" + said["return_url"].split("/s/")[1]
