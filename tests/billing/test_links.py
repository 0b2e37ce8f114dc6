"""Links: what opens, what doesn't, and what a stranger or a dump of the database learns."""

import base64
from datetime import timedelta

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from billing import links, receipts
from billing.models import AuditEntry, LinkEvent, Payment, PaymentLink
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def link() -> PaymentLink:
    return world.link(world.customer(world.operator()))


def both(link: PaymentLink) -> tuple[str, str]:
    _, _, selector, rest = links.path(link).split("/")
    return selector, rest


def test_it_works(link: PaymentLink) -> None:
    assert links.resolve(link.operator, *both(link), NOW) == link
    assert links.url(link).startswith("http://testserver/p/")


def test_the_two_parts_are_38_characters(link: PaymentLink) -> None:
    assert len("".join(both(link))) == 38


def test_every_flipped_bit_is_refused_without_a_query(
    link: PaymentLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """CASES attacks 1 and 2."""
    for part in (0, 1):
        text = both(link)[part]
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        for bit in range(len(raw) * 8):
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            tried = list(both(link))
            tried[part] = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
            with django_assert_num_queries(0), pytest.raises(links.LinkUnusable):
                links.resolve(link.operator, *tried, NOW)


@pytest.mark.parametrize(
    "rest", ["", "x", "é" * 27, "A" * 27, "A" * 5000, "../../etc", "%00", "\udcff" * 27, "=" * 27, "A" * 26 + "="]
)
def test_garbage_is_refused_without_a_query(
    link: PaymentLink, django_assert_num_queries: DjangoAssertNumQueries, rest: str
) -> None:
    with django_assert_num_queries(0), pytest.raises(links.LinkUnusable):
        links.resolve(link.operator, link.selector, rest, NOW)
    with django_assert_num_queries(0), pytest.raises(links.LinkUnusable):
        links.resolve(link.operator, rest, both(link)[1], NOW)


def test_an_unused_bit_of_the_last_character_can_not_be_altered(link: PaymentLink) -> None:
    selector, rest = both(link)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [rest[:-1] + letter for letter in alphabet if letter != rest[-1]]
    opened = []
    for other in others:
        try:
            opened.append(links.resolve(link.operator, selector, other, NOW))
        except links.LinkUnusable:
            continue
    assert opened == []


def test_expired_is_refused_without_a_query(
    link: PaymentLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0), pytest.raises(links.LinkUnusable):
        links.resolve(link.operator, *both(link), link.expires_at)


def test_another_operators_link_is_refused_without_a_query(
    link: PaymentLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    other = world.operator("solmara", currency="EUR")
    with django_assert_num_queries(0), pytest.raises(links.LinkUnusable):
        links.resolve(other, *both(link), NOW)


def test_revoking_twice_changes_once(link: PaymentLink) -> None:
    assert links.revoke(link, actor="staff:1", now=NOW) is True
    assert links.revoke(link, actor="staff:1", now=NOW) is False
    assert LinkEvent.objects.filter(kind="revoked").count() == 1
    assert AuditEntry.objects.filter(verb="revoke-link").count() == 1
    with pytest.raises(links.LinkUnusable):
        links.resolve(link.operator, *both(link), NOW)


def test_opening_twice_is_noted_once(link: PaymentLink) -> None:
    assert links.mark_opened(link, NOW) is True
    assert links.mark_opened(link, NOW + timedelta(seconds=1)) is False
    link.refresh_from_db()
    assert links.mark_opened(link, NOW + timedelta(seconds=2)) is False
    assert links.mark_opened(link, NOW + timedelta(seconds=3), device="phone") is True
    assert links.mark_opened(link, NOW + timedelta(seconds=4), device="phone") is False
    told = LinkEvent.objects.order_by("pk").values_list("kind", "detail")
    assert list(told) == [("made", ""), ("opened", ""), ("opened", "phone")]


def test_keys_rotate_and_a_key_rotated_away_opens_nothing(link: PaymentLink, settings: Settings) -> None:
    parts = both(link)
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, ["x" * 60, old]
    assert links.resolve(link.operator, *parts, NOW) == link
    assert both(link) != parts
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(links.LinkUnusable):
        links.resolve(link.operator, *parts, NOW)


def test_a_dump_of_the_database_holds_no_usable_link(link: PaymentLink) -> None:
    secret = both(link)[1][6:]
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
        for table, column in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s',
                [f"%{secret}%"],
            )
            assert cursor.fetchone() == (0,), f"{table}.{column} holds a link"


@pytest.fixture
def payment(link: PaymentLink) -> Payment:
    return Payment.objects.create(
        operator=link.operator,
        customer=link.customer,
        link=link,
        reference="R" * 22,
        currency="NOK",
        amount=100,
        status="succeeded",
        succeeded_at=NOW,
        gateway="stripe",
        gateway_account="default",
        created_at=NOW,
        touched_at=NOW,
    )


def test_a_status_token_opens_its_payment_alone(payment: Payment) -> None:
    token = links.status_token(payment)
    assert links.payment_by_status_token(payment.operator, token) == payment
    for altered in (token[:-1] + ("A" if token[-1] != "A" else "Q"), "Q" + token[1:], token + "A", ""):
        with pytest.raises(links.LinkUnusable):
            links.payment_by_status_token(payment.operator, altered)


def test_a_receipt_outlives_its_key(payment: Payment, settings: Settings) -> None:
    token = receipts.token(payment)
    settings.RECEIPT_KEYS = {**settings.RECEIPT_KEYS, 2: b"n" * 32}
    assert receipts.resolve(payment.operator, token) == payment
    assert receipts.token(payment) != token
    settings.RECEIPT_KEYS = {2: b"n" * 32}
    with pytest.raises(links.LinkUnusable):
        receipts.resolve(payment.operator, token)


@pytest.mark.parametrize("altered", ["", "A" * 45, "R" * 22, "R" * 22 + "!" * 23, "é" * 45])
def test_a_made_up_receipt_is_refused_without_a_query(
    payment: Payment, django_assert_num_queries: DjangoAssertNumQueries, altered: str
) -> None:
    with django_assert_num_queries(0), pytest.raises(links.LinkUnusable):
        receipts.resolve(payment.operator, altered)
