"""Marked secrets and persons go through the whole story, and are looked for where they must never be."""

import io
import logging

import redis
import structlog
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from billing import links, receipts
from billing.models import Payment
from payportal.demo.models import OutboxMessage
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.flows.phone import Phone, until

NAME, PHONE, MAIL = "Canary Birdsong", "+447700900777", "canary@birdsong.example"


class Listener:
    """Everything that is logged, at every level, as our formatter writes it."""

    def __enter__(self) -> io.StringIO:
        self.stream = io.StringIO()
        config = settings.LOGGING["formatters"]["json"]
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                processors=config["processors"], foreign_pre_chain=config["foreign_pre_chain"]
            )
        )
        self.root = logging.getLogger()
        self.level = self.root.level
        self.root.addHandler(self.handler)
        self.root.setLevel(logging.DEBUG)
        return self.stream

    def __exit__(self, *_: object) -> None:
        self.root.removeHandler(self.handler)
        self.root.setLevel(self.level)


def everything_in(url: str) -> str:
    """All that the broker holds, as text."""
    client = redis.Redis.from_url(url)
    found = []
    for key in client.scan_iter():
        kind = client.type(key).decode()
        value = {
            "string": lambda k=key: client.get(k),
            "list": lambda k=key: client.lrange(k, 0, -1),
            "hash": lambda k=key: client.hgetall(k),
            "zset": lambda k=key: client.zrange(k, 0, -1),
            "set": lambda k=key: client.smembers(k),
        }[kind]()
        found.append(repr(key) + repr(value))
    client.close()
    return "\n".join(found)


def test_no_secret_and_no_person_is_found_where_it_must_not_be(
    phone: Phone, stripe: StandIn, valkey_url: str, mailoutbox: list
) -> None:
    """CASES attack 12: logs, the broker, third parties."""
    customer = phone.link.customer
    customer.name, customer.phone, customer.email = NAME, PHONE, MAIL
    customer.save()
    with Listener() as logged:
        phone.open()
        started = phone.pay(64800 + 39900 + 9900, packages=phone.packages()[:1])
        phone.confirm(stripe, started, world.DECLINED_CARD)
        secret = started.json()["client_secret"]
        phone.open()
        status = phone.confirm(stripe, phone.pay(64800 + 39900 + 9900, packages=phone.packages()[:1]))
        phone.get(status)
        until(lambda: OutboxMessage.objects.count() >= 2)
        payment = Payment.objects.get()
        phone.get(f"/r/{receipts.token(payment)}")
        phone.get("/p/garbage/garbage")
    canaries = {
        "the link": links.rest(phone.link)[6:],
        "the status token": links.status_token(payment)[22:],
        "the receipt's token": receipts.token(payment)[22:],
        "the client secret": secret.split("_secret_")[1],
        "the secret key": settings.STRIPE_ACCOUNTS["default"].secret_key,
        "the name": NAME,
        "the phone number": PHONE,
        "the mail address": MAIL,
        "the card number": "4242424242424242",
    }
    places = {
        "logs": logged.getvalue(),
        "the broker": everything_in(valkey_url),
        "Stripe": repr(list(stripe.log)) + repr(stripe.objects("payment_intent")),
        "the page": phone.page,
        "mail to administrators": repr(mailoutbox),
    }
    assert "request_finished" in places["logs"]
    assert "task" in places["the broker"]
    # Its own secret is Stripe's to keep; the address it returns to opens one payment's status and nothing else.
    allowed = {("Stripe", "the client secret"), ("Stripe", "the status token")}
    for place, text in places.items():
        for what, canary in canaries.items():
            assert canary not in text or (place, what) in allowed, f"{what} is in {place}"


def test_the_database_holds_no_token_and_no_client_secret(phone: Phone, stripe: StandIn) -> None:
    """A dump opens nothing: not a link, not a status, not a receipt, not a payment at Stripe."""
    phone.open()
    started = phone.pay(64800 + 39900)
    phone.confirm(stripe, started)
    until(lambda: OutboxMessage.objects.exists())
    payment = Payment.objects.get()
    secrets = [
        links.rest(phone.link)[6:],
        links.status_token(payment)[22:],
        receipts.token(payment)[22:],
        started.json()["client_secret"].split("_secret_")[1],
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT string_agg("{column}"::text, chr(10)) FROM "{table}"')
            text = cursor.fetchone()[0] or ""
            assert not [secret for secret in secrets if secret in text], f"{table}.{column} holds a secret"


def views(patterns: list, prefix: str = "") -> list[tuple[str, object]]:
    """Every address and its view."""
    found = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found += views(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            found.append((prefix + str(pattern.pattern), pattern.callback))
    return found


def test_the_webhooks_are_the_only_views_without_a_csrf_token() -> None:
    """CASES attack 6: a walk over all addresses."""
    exempt = [path for path, view in views(get_resolver().url_patterns) if getattr(view, "csrf_exempt", False)]
    assert exempt == ["webhooks/stripe/<slug:account>", "webhooks/messages/<slug:channel>/<slug:account>"]


def test_posts_without_a_token_are_refused_with_friendly_words_htmx_ones_too(phone: Phone, stripe: StandIn) -> None:
    phone.open()
    client = Client(enforce_csrf_checks=True, headers={"User-Agent": phone.session.headers["User-Agent"]})
    client.cookies["link"] = phone.session.cookies["link"]
    for what in ("sum", "pay", "takeover"):
        for headers in ({}, {"HX-Request": "true"}):
            answer = client.post(f"/p/{phone.link.selector}/{what}", {"amount_shown": "1"}, headers=headers)
            assert answer.status_code == 403
            assert b"CSRF" not in answer.content
    assert not Payment.objects.exists()
