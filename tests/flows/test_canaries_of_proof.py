"""A PIN, one-time codes, a fresh link and all cookies go through the whole story, and are looked for afterwards."""

import re

from django.db import connection
from django.utils import timezone

from billing import links, pins
from billing.models import PaymentLink, ProofRule
from payportal.demo.models import OutboxMessage
from payportal.pages import operators
from tests.flows.phone import Phone, until
from tests.flows.test_canaries import Listener, everything_in

# Long enough to be found nowhere by chance.
PIN, WRONG = "84715926", "90417538"
# The demo's phone: what stands there was sent.
SENT = "demo_outboxmessage"


def inbox() -> str:
    return "\n".join(OutboxMessage.objects.order_by("pk").values_list("body", flat=True))


def prove(phone: Phone) -> str:
    """A wrong PIN, a one-time code that is right, the PIN in another browser; the code."""
    ProofRule.objects.create(operator=phone.link.operator, action=ProofRule.Action.OPEN)
    operators.forget()
    pins.set_pin(phone.link.customer, PIN, actor="staff:1", now=timezone.now())
    phone.open()
    phone.post("pin", pin=WRONG)
    phone.post("code")
    until(lambda: re.search(r"\b\d{6}\b", inbox()))
    code = re.findall(r"\b\d{6}\b", inbox())[-1]
    assert phone.post("pin", pin=code).status_code == 303
    other = Phone(phone.base, phone.link)
    other.open()
    assert other.post("pin", pin=PIN).status_code == 303
    return code


def renew(phone: Phone) -> PaymentLink:
    """The link is withdrawn, and its holder asks for a fresh one."""
    links.revoke(phone.link, actor="staff:1", now=timezone.now())
    phone.open()
    assert "Get a new link" in phone.page
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', phone.page)
    assert token
    button = dict(re.findall(r'<button[^>]* name="([^"]+)" value="([^"]*)"', phone.page))
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', phone.page))
    phone.session.post(
        phone.base + links.path(phone.link),
        data={**fields, **button, "csrfmiddlewaretoken": token[1]},
        headers={"Referer": phone.base},
        timeout=10,
    )
    until(lambda: PaymentLink.objects.filter(renews=phone.link).exists())
    fresh = PaymentLink.objects.select_related("operator").get(renews=phone.link)
    until(lambda: "Your new link" in inbox())
    return fresh


def columns() -> dict[str, str]:
    """All that the database holds, by column."""
    held = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT string_agg("{column}"::text, chr(10)) FROM "{table}"')
            held[f"{table}.{column}"] = cursor.fetchone()[0] or ""
    return held


def test_no_pin_no_code_no_cookie_and_no_fresh_link_is_found_where_it_must_not_be(
    phone: Phone, valkey_url: str
) -> None:
    with Listener() as logged:
        code = prove(phone)
        fresh = renew(phone)
    cookies = {cookie.name: cookie.value or "" for cookie in phone.session.cookies}
    assert {"link", "again", "proof"} <= set(cookies)
    places = {"logs": logged.getvalue(), "the broker": everything_in(valkey_url), **columns()}
    assert "request_finished" in places["logs"]
    secrets = [re.escape(text) for text in (PIN, WRONG, links.rest(fresh)[6:], links.rest(phone.link)[6:])]
    secrets += [re.escape(cookies[name][6:]) for name in ("link", "again", "proof")]
    # Six digits stand in many a moment's fraction.
    secrets.append(rf"(?<![\d.]){code}(?!\d)")
    for place, text in places.items():
        if not place.startswith(SENT):
            assert [secret for secret in secrets if re.search(secret, text)] == [], f"found in {place}"
