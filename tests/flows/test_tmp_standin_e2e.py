import os
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
import pytest
from playwright.sync_api import sync_playwright, expect
from tests.flows.phone import work, until
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_e2e(phone, stripe, chromium, chromium_arguments, scheme):
    from billing import links
    with sync_playwright() as pw:
        b = pw.chromium.launch(executable_path=str(chromium), args=chromium_arguments)
        c = b.new_context(viewport={"width":390,"height":844}, color_scheme=scheme, has_touch=True); p = c.new_page()
        logs=[]
        p.on("console", lambda m: logs.append(m.text)); p.on("pageerror", lambda e: logs.append("ERR "+str(e)))
        p.goto(phone.base + links.path(phone.link))
        p.get_by_role("button", name="Apple Pay").wait_for(timeout=8000)
        p.wait_for_timeout(500)
        p.screenshot(path=f"/tmp/e2e-{scheme}.png")
        print(p.evaluate("(()=>{const r=document.querySelector('#wallets').getBoundingClientRect(); return [r.width,r.height]})()"))
        p.get_by_text("Other ways to pay").click()
        p.get_by_label("Card number").wait_for()
        p.screenshot(path=f"/tmp/e2e-ways-{scheme}.png", full_page=True)
        p.get_by_label("test card").select_option("declined")
        p.get_by_role("button", name="Apple Pay").tap(); p.wait_for_timeout(1500)
        p.screenshot(path=f"/tmp/e2e-declined-{scheme}.png")
        p.get_by_label("test card").select_option("asks")
        p.get_by_role("button", name="Google Pay").tap()
        p.get_by_role("button", name="Approve").tap()
        p.wait_for_timeout(1500); work(); p.wait_for_timeout(3000)
        print(p.url); p.screenshot(path=f"/tmp/e2e-paid-{scheme}.png")
        print(logs, [(e["method"],e["path"],e["status"]) for e in stripe.log])
        b.close()
