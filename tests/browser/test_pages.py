"""Every state's page in a real browser: what stands there, for whom, and without a finding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Shop
from tests.browser.test_paying import READY, choose, tap, work_until

if TYPE_CHECKING:
    from billing.models import PaymentLink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RULES = {"rules": {"color-contrast-enhanced": {"enabled": True}, "identical-links-same-purpose": {"enabled": True}}}
LOOKS = [
    pytest.param({}, id="light"),
    pytest.param({"color_scheme": "dark"}, id="dark", marks=pytest.mark.slow),
    pytest.param({"viewport": {"width": 320, "height": 640}}, id="narrow", marks=pytest.mark.slow),
]


def check(page: Page) -> None:
    """No finding of axe with every detail open, and no sideways scrolling, also at twice the text size."""
    page.wait_for_timeout(700)  # the light goes on in half a second: a colour half-way has no contrast of its own
    page.evaluate("document.querySelectorAll('.bill details').forEach(each => each.open = true)")
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    for size in ("100%", "200%"):
        page.evaluate(f"document.documentElement.style.fontSize = '{size}'")
        wide = page.evaluate("document.documentElement.scrollWidth - window.screen.width")
        assert wide <= 0, f"{wide} px sideways at {size}"


def small_targets(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('a[href],button,summary,label')].filter(each => {
            const box = each.getBoundingClientRect();
            return box.width && box.height < 43.5 && getComputedStyle(each).display !== 'inline';
        }).map(each => each.innerText)"""
    )
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_the_payment_page(shop: Shop, link: PaymentLink, look: dict[str, Any]) -> None:
    page = shop.open(link, **look)
    page.wait_for_selector(READY)
    assert small_targets(page) == []
    check(page)


@pytest.mark.parametrize("look", LOOKS)
def test_status_and_receipt(shop: Shop, link: PaymentLink, look: dict[str, Any]) -> None:
    page = shop.open(link, **look)
    tap(page)
    page.wait_for_url("**/s/*")
    check(page)
    page.reload()
    work_until(page, "Your TV is on")
    check(page)
    page.get_by_text("See the receipt").click()
    expect(page.get_by_role("button", name="Print or save as PDF")).to_be_visible()
    check(page)
    page.goto(f"{shop.base}/p/{link.selector}/")
    check(page)


def test_what_nobody_sees_leaves_the_page_as_it_is(shop: Shop, link: PaymentLink) -> None:
    """A screen reader in the middle of a sentence isn't made to begin again."""
    from django.utils import timezone

    from billing import links
    from billing.models import Payment

    page = shop.open(link)
    tap(page)
    page.wait_for_url("**/s/*")
    expect(page.locator("h1")).to_have_text("Paid. Thank you!")
    poll = page.locator("#poll")
    before = poll.get_attribute("hx-get")
    page.evaluate("document.querySelector('h1').dataset.seen = 'yes'")
    links.note(link, "unseen", timezone.now(), Payment.objects.get())
    expect(poll).not_to_have_attribute("hx-get", str(before))
    assert page.locator("h1").get_attribute("data-seen") == "yes"
    # And it still asks for news.
    work_until(page, "Your TV is on")
    expect(poll).to_have_count(0)


@pytest.mark.parametrize("look", LOOKS)
def test_refusals_and_ends(
    shop: Shop, link: PaymentLink, new_link: Callable[[], PaymentLink], look: dict[str, Any]
) -> None:
    page = shop.open(link, **look)
    page.wait_for_selector(READY)
    choose(page, "declined")
    tap(page)
    expect(page.locator("#said")).to_contain_text("Your bank said no.")
    check(page)
    other = shop.open(new_link(), **look)
    expect(other.locator("h1")).to_contain_text("Someone is paying")
    check(other)
    gone = shop.phone(**look)
    gone.goto(f"{shop.base}/p/x/y")
    expect(gone.get_by_role("button", name="Get a new link")).to_be_visible()
    check(gone)


def test_an_expired_link_tells_nothing(shop: Shop, demo_world: None) -> None:
    from django.utils import timezone

    from billing import links
    from payportal.demo import data

    old = links.create(
        customer=data.customer(data.PRINTED_CUSTOMER),
        currency="NOK",
        actor="staff:1",
        now=timezone.now() - timedelta(days=3),
    )
    page = shop.open(old)
    expect(page.locator("h1")).to_have_text("This link no longer works")
    assert "1,047" not in page.content()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["tick", "tap", "coming back"])
def test_a_link_that_ends_under_ones_thumb_says_so(shop: Shop, link: PaymentLink, what: str) -> None:
    from django.utils import timezone

    from billing import links

    page = shop.open(link)
    page.wait_for_selector(READY)
    links.revoke(link, actor="staff:1", now=timezone.now())
    if what == "tick":
        page.locator(".tick").first.click()
    elif what == "tap":
        tap(page)
    else:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("h1")).to_have_text("This link no longer works")


def test_in_arabic_from_right_to_left(shop: Shop, demo_world: None) -> None:
    from billing import links
    from payportal.demo import data
    from tests.flows.phone import new_link

    link = new_link(data.SOLMARA_CUSTOMER)
    page = shop.phone(locale="ar", viewport={"width": 320, "height": 640})
    page.goto(shop.base.replace("localhost", "solmara.localhost") + links.path(link))
    page.wait_for_selector(READY)
    assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
    expect(page.locator("#sum")).to_contain_text("83")
    check(page)


def test_without_javascript_everything_is_there_and_adds_up(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link, java_script_enabled=False)
    page.locator(".tick").first.click()
    page.get_by_role("button", name="Show the sum").click()
    expect(page.locator("#sum")).to_have_text("NOK 399.00")
    # Playwright's text matching passes over noscript.
    expect(page.locator("noscript p")).to_be_visible()
    assert "Paying here needs JavaScript." in page.locator("noscript p").inner_text()
    expect(page.locator(".bar a")).to_have_attribute("href", "tel:+441632960018")
    assert [tick.is_checked() for tick in page.locator("input[name=bill]").all()] == [False, True]


@pytest.mark.slow
def test_without_cookies_the_page_says_so_and_stripe_is_never_asked(shop: Shop, link: PaymentLink) -> None:
    from billing import links

    page = shop.phone()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def crumble(route: Route) -> None:
        answer = route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "set-cookie"}
        route.fulfill(response=answer, headers=headers)

    page.route("**/p/**", crumble)
    page.context.on("request", lambda _request: page.context.clear_cookies())
    page.goto(shop.base + links.path(link))
    expect(page.locator("#said")).to_contain_text("Paying here needs cookies.")
    # A tick would be refused, and lead away from the only address that opens this page.
    expect(page.locator(".tick input").first).to_be_disabled()
    expect(page.locator(".ways")).to_be_hidden()
    assert page.url == shop.base + links.path(link)
    assert not [url for url in asked if "stripe" in url]


@pytest.mark.slow
def test_nothing_moves_while_the_page_loads(shop: Shop, link: PaymentLink) -> None:
    page = shop.phone()
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(e => shift += e.value))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    from billing import links

    page.goto(shop.base + links.path(link))
    page.wait_for_selector(READY)
    page.wait_for_timeout(300)  # observers are told a frame later
    assert page.evaluate("window.shift") == 0
