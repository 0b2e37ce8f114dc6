"""The stand-in's Stripe.js in a real browser, on a page whose policy forbids everything inline."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from payportal.demo.stripe_standin import StandIn
from tests.demo.standin.conftest import client_of, make_intent

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
RULES = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CSS = """
body { margin: 0; padding: 16px; background: #fff; color: #16181d; font: 1rem/1.5 sans-serif }
@media (prefers-color-scheme: dark) {
  body { background: #1c1f26; color: #f2f3f5 }
  button { color: inherit; background: none }
}
"""


class Shop:
    """A merchant's server: its page, and one PaymentIntent which every tap uses again."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.intent_id: str | None = None
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.partition("?")[0]
                body, kind = {
                    "/": ((HERE / "shop.html").read_bytes(), "text/html"),
                    "/shop.js": ((HERE / "shop.js").read_bytes(), "text/javascript"),
                    "/shop.css": (CSS.encode(), "text/css"),
                    "/back": (b"<!doctype html><html lang=en><title>Back</title><h1>Back</h1>", "text/html"),
                }.get(name, (b"", "text/plain"))
                self.answer(body, kind)

            def do_POST(self) -> None:
                client = client_of(shop.standin)
                made = client.v1.payment_intents.retrieve(shop.intent_id) if shop.intent_id else make_intent(client)
                shop.intent_id = made.id
                self.answer(json.dumps({"client_secret": made.client_secret}).encode(), "application/json")

            def answer(self, body: bytes, kind: str) -> None:
                origin = shop.standin.base_url
                self.send_response(200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header(
                    "Content-Security-Policy",
                    f"default-src 'none'; script-src 'self' {origin}; connect-src 'self' {origin}; style-src 'self'; "
                    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                )
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def address(self, **settings: str) -> str:
        asked = {"origin": self.standin.base_url, "key": self.standin.keys.publishable, **settings}
        return f"{self.url}?{urlencode(asked)}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def shop(standin: StandIn) -> Iterator[Shop]:
    running = Shop(standin)
    yield running
    running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone; whatever the console complains about (a violated policy among it) fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    opened = context.new_page()
    opened.set_default_timeout(8000)
    complaints: list[str] = []
    opened.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    refused = [text for text in complaints if "402" not in text and "400" not in text and "favicon" not in text]
    assert refused == []


def test_one_tap_on_a_wallet_pays(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_role("button", name="Apple Pay").tap()
    expect(page.locator("#said")).to_have_text("succeeded")
    (charge,) = shop.standin.paid_charges()
    assert charge["amount"] == 64800
    assert charge["payment_method_details"]["card"]["wallet"]["type"] == "apple_pay"
    assert page.evaluate("events")[:3] == [
        ["availablepaymentmethodschange", "expressCheckout"],
        ["ready", "expressCheckout"],
        ["click", "apple_pay"],
    ]


def test_a_declined_card_and_then_a_good_one_pay_once(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_label("test card").select_option("poor")
    page.get_by_role("button", name="Google Pay").tap()
    expect(page.locator("#said")).to_have_text("card_error insufficient_funds")
    page.reload()
    expect(page.get_by_label("test card")).to_have_value("poor")
    page.get_by_label("test card").select_option("works")
    page.get_by_role("button", name="Google Pay").tap()
    expect(page.locator("#said")).to_have_text("succeeded")
    assert len(shop.standin.objects("payment_intent")) == 1
    assert len(shop.standin.paid_charges()) == 1


def test_closing_the_sheet_charges_nothing(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_label("test card").select_option("closes")
    page.get_by_role("button", name="Apple Pay").tap()
    expect(page.locator("#said")).to_have_text("canceled")
    assert shop.standin.objects("payment_intent") == []


def test_a_click_answered_too_late_opens_no_sheet(shop: Shop, page: Page) -> None:
    page.goto(shop.address(think="1300"))
    button = page.get_by_role("button", name="Apple Pay")
    button.tap()
    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_have_attribute("aria-busy", "false")
    page.wait_for_timeout(500)
    assert shop.standin.objects("payment_intent") == []


@pytest.mark.parametrize(("answer", "status"), [("Approve", "succeeded"), ("Refuse", "failed")])
def test_the_bank_is_asked_and_sends_back(shop: Shop, page: Page, answer: str, status: str) -> None:
    page.goto(shop.address())
    page.get_by_label("test card").select_option("asks")
    page.get_by_role("button", name="Apple Pay").tap()
    expect(page.get_by_role("heading", name="Approve NOK 648.00?")).to_be_visible()
    page.get_by_role("button", name=answer).tap()
    page.wait_for_url("**/back?**")
    assert f"payment_intent={shop.intent_id}" in page.url
    assert f"redirect_status={status}" in page.url
    assert len(shop.standin.paid_charges()) == (1 if answer == "Approve" else 0)


def test_the_back_button_leads_from_the_bank_to_a_page_that_can_go_on(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_label("test card").select_option("asks")
    page.get_by_role("button", name="Apple Pay").tap()
    page.get_by_role("button", name="Approve").wait_for()
    page.go_back()
    page.get_by_role("button", name="Apple Pay").wait_for()
    secret = shop.standin.objects("payment_intent")[0]["client_secret"]
    assert page.evaluate(f"stripe.retrievePaymentIntent('{secret}').then((answer) => answer.paymentIntent.status)") == (
        "requires_action"
    )
    page.evaluate(f"void stripe.handleNextAction({{clientSecret: '{secret}'}})")
    page.get_by_role("button", name="Approve").tap()
    page.wait_for_url("**/back?**")
    assert len(shop.standin.paid_charges()) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_the_banks_page(shop: Shop, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(shop.address())
    page.get_by_label("test card").select_option("asks")
    page.get_by_role("button", name="Google Pay").tap()
    page.get_by_role("button", name="Approve").wait_for()
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_another_amount_than_the_one_shown_is_refused(shop: Shop, page: Page) -> None:
    page.goto(shop.address(amount="100"))
    page.get_by_role("button", name="Apple Pay").tap()
    expect(page.locator("#said")).to_have_text("invalid_request_error amount")
    assert shop.standin.paid_charges() == []


def test_the_card_form_says_what_is_missing_and_then_pays(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_role("button", name="Pay by card").tap()
    expect(page.locator("#said")).to_have_text("incomplete_number")
    expect(page.get_by_role("alert")).to_have_text("Your card number is incomplete.")
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Pay by card").tap()
    expect(page.locator("#said")).to_have_text("succeeded")


def test_a_bank_debit_is_processing(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_label("Bank debit").check()
    page.get_by_label("IBAN").fill("DE89 3704 0044 0532 0130 00")
    page.get_by_role("button", name="Pay by card").tap()
    expect(page.locator("#said")).to_have_text("processing")


def test_zero_is_no_amount(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_role("button", name="Apple Pay").wait_for()
    thrown = page.evaluate("(() => { try { elements.update({amount: 0}) } catch (error) { return error.name } })()")
    assert thrown == "IntegrationError"


def test_confirming_without_submitting_is_a_mistake_of_the_page(shop: Shop, page: Page) -> None:
    page.goto(shop.address())
    page.get_by_role("button", name="Apple Pay").wait_for()
    thrown = page.evaluate(
        "stripe.confirmPayment({elements, clientSecret: 'pi_a_secret_b', confirmParams: {return_url: 'http://x.test'}})"
        ".catch((error) => error.message)"
    )
    assert "elements.submit() must be called" in thrown


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en"), ("dark", "nb"), ("light", "ar")])
def test_everyone_can_use_it(shop: Shop, page: Page, scheme: str, locale: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(shop.address(locale=locale))
    for name in ("Apple Pay", "Google Pay"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["height"] == 50
    row = page.locator(".sandbox").bounding_box()
    assert row is not None
    assert row["height"] <= 32
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.violations_count == 0, found.generate_report()


def test_it_fits_a_narrow_phone_with_large_text(shop: Shop, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(shop.address())
    page.get_by_role("button", name="Apple Pay").wait_for()
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
