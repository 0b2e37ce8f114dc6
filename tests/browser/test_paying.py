"""Paying in a real browser at phone size: each way it can go leads to one clear next step and one charge."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Shop

if TYPE_CHECKING:
    from billing.models import PaymentLink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

APPLE = "#wallets button >> nth=0"
READY = "#wallets:not(.busy)"


def choose(page: Page, card: str) -> None:
    page.locator("#wallets select").select_option(card)


def tap(page: Page) -> None:
    page.wait_for_selector(READY)
    page.locator(APPLE).click()


def charges(shop: Shop) -> int:
    return len(shop.standin.paid_charges())


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    """Let workers and the page work until the condition holds."""
    from tests.flows.phone import until

    def holds() -> bool:
        page.wait_for_timeout(50)
        return condition()

    until(holds)


def work_until(page: Page, words: str) -> None:
    """Let workers work until the page says so by itself."""
    wait_until(page, lambda: words in page.locator("h1").inner_text())


def test_one_tap_pays_and_the_page_says_by_itself_that_it_is_on(shop: Shop, link: PaymentLink) -> None:
    page = shop.phone()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(page.url) if "stripe.js" in request.url else None)
    from billing import links

    page.goto(shop.base + links.path(link))
    expect(page.locator("#sum")).to_have_text("NOK 1,047.00")
    page.wait_for_selector(READY)
    assert seen == [f"{shop.base}/p/{link.selector}/"], "Stripe.js came while the address opened something"
    page.get_by_text("Sports weekend").click()
    expect(page.locator("#sum")).to_have_text("NOK 1,146.00")
    expect(page.locator("#due")).to_have_text("Pay NOK\u00a01,146.00 with")
    tap(page)
    page.wait_for_url("**/s/*")
    work_until(page, "Everything is on")
    expect(page).to_have_title("Everything is on – Brisvik")
    page.get_by_text("See the receipt").click()
    expect(page.locator("h1")).to_contain_text("1,146.00")
    assert charges(shop) == 1


def test_a_declined_card_and_then_a_good_one_on_the_same_page(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)
    choose(page, "declined")
    tap(page)
    alert = page.locator("#said")
    expect(alert).to_contain_text("Your bank said no.")
    choose(page, "poor")
    tap(page)
    expect(alert).to_contain_text("There isn’t enough money on that card.")
    choose(page, "works")
    tap(page)
    page.wait_for_url("**/s/*")
    work_until(page, "Your TV is on")
    assert charges(shop) == 1


@pytest.mark.slow
def test_a_closed_sheet_leaves_everything_ready(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)
    choose(page, "closes")
    tap(page)
    page.wait_for_selector(READY)
    expect(page.locator("#said")).to_be_empty()
    choose(page, "works")
    tap(page)
    page.wait_for_url("**/s/*")


@pytest.mark.slow
def test_the_bank_asks_and_the_customer_says_yes(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)
    choose(page, "asks")
    tap(page)
    page.get_by_role("button", name=re.compile("approve", re.IGNORECASE)).click()
    page.wait_for_url("**/s/*")
    work_until(page, "Your TV is on")
    assert "?" not in page.url, "the bank's parameters stayed in the address"


@pytest.mark.slow
def test_the_bank_asks_and_the_customer_says_no(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)
    choose(page, "asks")
    tap(page)
    page.get_by_role("button", name=re.compile("refuse", re.IGNORECASE)).click()
    page.wait_for_url("**/s/*")
    work_until(page, "Your bank said no")
    page.get_by_role("link", name="Try again").click()
    page.wait_for_selector(READY)
    choose(page, "works")
    tap(page)
    page.wait_for_url("**/s/*")
    work_until(page, "Your TV is on")
    assert charges(shop) == 1


@pytest.mark.slow
def test_a_card_typed_in_by_hand(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)
    page.locator("#ways summary").click()
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiry").fill("12 / 40")
    page.get_by_label("Security code").fill("123")
    page.locator("#card-pay").click()
    page.wait_for_url("**/s/*")
    work_until(page, "Your TV is on")
    assert charges(shop) == 1


@pytest.mark.slow
def test_a_card_that_is_not_whole_is_said_beside_its_field(shop: Shop, link: PaymentLink) -> None:
    from billing.models import Payment

    page = shop.open(link)
    page.wait_for_selector(READY)
    page.locator("#ways summary").click()
    page.locator("#card-pay").click()
    page.wait_for_selector("#card-pay:not([disabled])")
    assert not Payment.objects.exists()


@pytest.mark.slow
def test_nothing_ticked_leaves_nothing_to_tap(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)
    before = page.locator(".bar").bounding_box()
    for tick in page.locator(".tick").all():
        tick.click()
    expect(page.locator("#due")).to_have_text("Choose what to pay")
    expect(page.locator("#wallets")).to_have_class(re.compile("busy"))
    after = page.locator(".bar").bounding_box()
    assert before
    assert after
    assert before["height"] == after["height"]
    page.locator(".tick").first.click()
    page.wait_for_selector(READY)
    expect(page.locator("#sum")).to_have_text("NOK 648.00")


def test_a_bill_that_changes_between_page_and_tap_charges_nothing(shop: Shop, link: PaymentLink) -> None:
    from billing.models import Invoice, Payment

    page = shop.open(link)
    page.wait_for_selector(READY)
    Invoice.objects.filter(amount=39900).update(status="uncollectible")
    tap(page)
    expect(page.locator("#sum")).to_have_text("NOK 648.00")
    expect(page.get_by_text("The bill changed a moment ago.")).to_be_visible()
    assert not Payment.objects.exists()


def test_a_second_phone_sees_what_goes_on_and_takes_over(
    shop: Shop, link: PaymentLink, new_link: Callable[[], PaymentLink]
) -> None:
    first = shop.open(link)
    first.wait_for_selector(READY)
    choose(first, "declined")
    tap(first)
    expect(first.locator("#said")).to_contain_text("Your bank said no.")
    second = shop.open(new_link())
    expect(second.locator("h1")).to_have_text("Someone is paying this right now")
    second.get_by_text("Pay here instead").click()
    tap(second)
    second.wait_for_url("**/s/*")
    # The first phone still shows its buttons: they lead to the truth, not to a second charge.
    choose(first, "works")
    tap(first)
    expect(first.locator("h1")).to_contain_text("Nothing to pay")
    assert charges(shop) == 1


@pytest.mark.slow
def test_a_page_that_waits_for_another_phone_goes_on_by_itself(
    shop: Shop, link: PaymentLink, new_link: Callable[[], PaymentLink]
) -> None:
    from django.utils import timezone

    from billing import payments
    from billing.models import Payment

    first = shop.open(link)
    first.wait_for_selector(READY)
    choose(first, "declined")
    tap(first)
    expect(first.locator("#said")).to_contain_text("Your bank said no.")
    second = shop.open(new_link())
    expect(second.locator("h1")).to_have_text("Someone is paying this right now")
    payments.cancel(Payment.objects.get().pk, timezone.now())
    expect(second.locator("#sum")).to_have_text("NOK 1,047.00")


def test_the_back_button_leads_to_what_is_true(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    tap(page)
    page.wait_for_url("**/s/*")
    work_until(page, "Your TV is on")
    page.goto(f"{shop.base}/p/{link.selector}/")
    expect(page.locator("h1")).to_have_text("Nothing to pay")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Your TV is on")
    assert charges(shop) == 1


def test_a_page_that_was_frozen_in_the_middle_of_paying_asks_before_it_pays(shop: Shop, link: PaymentLink) -> None:
    """Kept in the browser's memory (bfcache) it comes back as it was: busy, and perhaps no longer true."""
    page = shop.open(link)
    page.wait_for_selector(READY)
    # The phone went to the bank's app before the answer, which never comes; whatever is asked afterwards gets one.
    page.route("**/pay", lambda _route: None, times=1)
    tap(page)
    page.wait_for_selector("#wallets.busy")
    come_back = "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    with page.expect_response("**/state?*"):
        page.evaluate(come_back)
    page.wait_for_selector(READY)
    elsewhere = page.context.new_page()
    elsewhere.goto(f"{shop.base}/p/{link.selector}/")
    tap(elsewhere)
    elsewhere.wait_for_url("**/s/*")
    page.evaluate(come_back)
    page.wait_for_url("**/s/*")
    assert charges(shop) == 1


@pytest.mark.slow
def test_a_tab_from_before_the_payment_goes_to_its_end(shop: Shop, link: PaymentLink) -> None:
    old = shop.open(link)
    old.wait_for_selector(READY)
    new = old.context.new_page()
    new.goto(f"{shop.base}/p/{link.selector}/")
    tap(new)
    new.wait_for_url("**/s/*")
    old.bring_to_front()
    old.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    old.wait_for_url("**/s/*")
    assert charges(shop) == 1


@pytest.mark.slow
def test_without_a_connection_nothing_is_lost(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)
    page.context.set_offline(True)
    expect(page.locator("#said")).to_contain_text("You are offline.")
    tap(page)
    expect(page.locator("#said")).to_contain_text("You are offline.")
    page.context.set_offline(False)
    page.wait_for_selector(READY)
    expect(page.locator("#said")).to_be_empty()
    tap(page)
    page.wait_for_url("**/s/*")
    assert charges(shop) == 1


@pytest.mark.slow
def test_an_answer_of_stripes_that_never_came_is_asked_for(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/confirm", lose)
    tap(page)
    page.wait_for_url("**/s/*")
    work_until(page, "Your TV is on")
    assert charges(shop) == 1


@pytest.mark.slow
def test_a_sum_that_stripe_refuses_leads_to_the_help_number(shop: Shop, link: PaymentLink) -> None:
    from billing.models import Invoice

    Invoice.objects.filter(amount=39900).update(amount=9_999_999_99)  # Stripe takes eight digits
    page = shop.open(link)
    tap(page)
    expect(page.locator("#said")).to_contain_text("This can’t be paid here. Nothing was taken.")
    expect(page.locator("#said a")).to_have_attribute("href", "tel:+441632960018")
    assert charges(shop) == 0


@pytest.mark.slow
def test_an_answer_of_ours_that_never_came_is_asked_for(shop: Shop, link: PaymentLink) -> None:
    page = shop.open(link)
    page.wait_for_selector(READY)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/pay", lose)
    tap(page)
    expect(page.locator("#said")).to_contain_text("There was no answer.")
    page.unroute("**/pay")
    tap(page)
    page.wait_for_url("**/s/*")
    assert charges(shop) == 1


@pytest.mark.slow
def test_a_tap_beside_another_phones_ends_where_nothing_is_left_to_pay(shop: Shop, link: PaymentLink) -> None:
    """The gateway was busy with the other phone's tap, and said nothing to this one's."""
    page, other = shop.open(link), shop.open(link)
    page.wait_for_selector(READY)
    other.wait_for_selector(READY)
    page.route("**/pay", lambda route: route.fulfill(status=503, json={"note": "silence"}))
    asked: list[Route] = []
    page.route("**/state?*", lambda route: asked.append(route))
    tap(page)
    expect(page.locator("#said")).to_contain_text("There was no answer.")
    wait_until(page, lambda: len(asked) == 1)
    asked[0].continue_()
    tap(other)
    other.wait_for_url("**/s/*")
    wait_until(page, lambda: len(asked) == 2)
    asked[1].continue_()
    page.unroute("**/state?*")
    # Not the payment's own page: that names the card, and this phone may be a stranger's.
    expect(page.locator("h1")).to_have_text("Nothing to pay", timeout=15_000)
    assert charges(shop) == 1
