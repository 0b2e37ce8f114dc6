"""A fresh link in an old one's place: made once, the old one ends for starting, and money that comes counts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from activation import checkout
from billing import links, payments
from billing.models import Invoice, LinkEvent, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from tests import world
from tests.threads import at_once, errors
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = "customer:1"
LATER = NOW + timedelta(days=2)


@pytest.fixture
def link() -> PaymentLink:
    operator = world.operator()
    customer = world.customer(operator)
    world.bill(world.account(customer, world.legal_entity(operator)))
    return world.link(customer)


def bills(link: PaymentLink) -> list[Invoice]:
    return list(Invoice.objects.of_customer(link.customer_id, link.currency).owed())


def start(link: PaymentLink, now: datetime = NOW) -> Payment:
    owed = bills(link)
    return checkout.start(
        link=link,
        bill_ids=[bill.pk for bill in owed],
        package_ids=[],
        amount_shown=sum(bill.amount_due for bill in owed),
        now=now,
    )


def kinds(link: PaymentLink) -> list[str]:
    return list(LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", flat=True))


def rest(link: PaymentLink) -> str:
    return links.path(link).rsplit("/", 1)[1]


def holders(link: PaymentLink, now: datetime, tries: Sequence[tuple[str, str, str]]) -> list[PaymentLink | None]:
    return [links.holder(link.operator, *each, now) for each in tries]


def test_it_works(link: PaymentLink) -> None:
    fresh = links.renew(link, actor=ACTOR, now=LATER)
    assert fresh
    assert (fresh.customer, fresh.currency, fresh.renews) == (link.customer, link.currency, link)
    assert fresh.expires_at > LATER
    assert links.resolve(link.operator, fresh.selector, rest(fresh), LATER) == fresh
    assert kinds(link) == ["made", "renewed"]
    assert kinds(fresh) == ["made", "renewal"]


def test_a_link_that_still_works_ends_with_its_fresh_one(link: PaymentLink) -> None:
    assert links.renew(link, actor=ACTOR, now=NOW)
    with pytest.raises(links.LinkUnusable):
        links.resolve(link.operator, link.selector, rest(link), NOW)
    with pytest.raises(payments.LinkEnded):
        start(link)
    assert not Payment.objects.exists()


def test_it_goes_the_way_the_old_one_came(link: PaymentLink) -> None:
    PaymentLink.objects.filter(pk=link.pk).update(via="whatsapp_cloud")
    link.refresh_from_db()
    fresh = links.renew(link, actor=ACTOR, now=NOW)
    assert fresh
    assert fresh.via == "whatsapp_cloud"


def test_two_at_once_make_one(link: PaymentLink) -> None:
    made = at_once(*[lambda: links.renew(link, actor=ACTOR, now=LATER) for _ in range(6)])
    assert errors(made) == []
    assert len({fresh.pk for fresh in made}) == 1
    assert PaymentLink.objects.count() == 2
    assert kinds(link) == ["made", "renewed"]


def test_a_minute_later_there_is_another_and_the_one_between_ends_too(link: PaymentLink) -> None:
    first = links.renew(link, actor=ACTOR, now=NOW)
    assert first
    assert links.renew(link, actor=ACTOR, now=NOW + timedelta(seconds=59)) == first
    of_first = links.renew(first, actor=ACTOR, now=NOW + timedelta(minutes=2))
    second = links.renew(link, actor=ACTOR, now=NOW + timedelta(minutes=4))
    assert second
    assert of_first
    assert len({first.pk, of_first.pk, second.pk}) == 3
    live = PaymentLink.objects.filter(revoked_at__isnull=True)
    assert list(live) == [second]


def test_nobody_gets_more_than_a_few_a_day(link: PaymentLink) -> None:
    made = [links.renew(link, actor=ACTOR, now=NOW + timedelta(minutes=2 * each)) for each in range(12)]
    assert len([fresh for fresh in made if fresh]) == links.RENEWALS_A_DAY
    assert links.renew(link, actor=ACTOR, now=NOW + timedelta(days=1, hours=1))


def test_many_links_asked_at_once_get_no_more_than_one_after_the_other(link: PaymentLink) -> None:
    olds = [world.link(link.customer) for _ in range(12)]
    made = at_once(*[partial(links.renew, old, actor=ACTOR, now=LATER) for old in olds])
    assert errors(made) == []
    assert len([fresh for fresh in made if fresh]) == links.RENEWALS_A_DAY


def test_nothing_is_made_that_nobody_could_be_sent(link: PaymentLink) -> None:
    link.customer.phone = ""
    assert links.renew(link, actor=ACTOR, now=NOW) is None
    link.customer.phone, link.operator.is_active = "+447700900123", False
    assert links.renew(link, actor=ACTOR, now=NOW) is None
    assert kinds(link) == ["made"]


def test_a_tap_and_a_fresh_link_at_once_are_one_after_the_other(link: PaymentLink) -> None:
    """Either the payment was begun and settles, or the link had ended; never a payment on an ended link."""
    for _ in range(10):
        fresh = world.link(link.customer)
        begun, renewed = at_once(partial(start, fresh), partial(links.renew, fresh, actor=ACTOR, now=NOW))
        assert isinstance(renewed, PaymentLink)
        assert isinstance(begun, Payment | payments.LinkEnded), begun
        # The timeline says which came first.
        told = kinds(fresh)
        assert ("pay_tapped" in told) == isinstance(begun, Payment)
        if isinstance(begun, Payment):
            assert told.index("pay_tapped") < told.index("renewed")
            payments.cancel(begun.pk, NOW)
        PaymentLink.objects.filter(renews=fresh).update(created_at=NOW - timedelta(days=3))


def test_an_expired_link_begins_nothing(link: PaymentLink) -> None:
    with pytest.raises(payments.LinkEnded), transaction.atomic():
        payments.start(link=link, invoices=bills(link), amount_shown=39900, now=link.expires_at)
    assert kinds(link) == ["made"]


@pytest.mark.parametrize("end", ["expired", "revoked", "renewed"])
def test_what_was_begun_settles_after_the_links_end(link: PaymentLink, standin: StandIn, end: str) -> None:
    payment = start(link)
    secret = payments.open_at_gateway(payment.pk, NOW).client_secret
    if end == "revoked":
        links.revoke(link, actor="staff:1", now=NOW)
    elif end == "renewed":
        links.renew(link, actor=ACTOR, now=NOW)
    world.confirm(standin, secret)
    payments.refresh(payment.pk, LATER)
    payment.refresh_from_db()
    assert payment.status == "succeeded"
    assert bills(link) == []
    world.assert_books_balance()


def test_why_a_payment_failed_stands_on_the_timeline(link: PaymentLink, standin: StandIn) -> None:
    payment = start(link)
    world.confirm(standin, payments.open_at_gateway(payment.pk, NOW).client_secret, world.DECLINED_CARD)
    payments.refresh(payment.pk, NOW)
    assert LinkEvent.objects.get(kind="failed").detail == "generic_decline"


def test_a_holder_is_known_by_the_address_or_the_second_cookie(link: PaymentLink) -> None:
    links.revoke(link, actor="staff:1", now=NOW)
    again = links.again_value(link)
    tries = [(link.selector, rest(link), ""), (link.selector, "", again), (link.selector, "x", again)]
    assert holders(link, LATER, tries) == [link, link, link]
    assert holders(link, link.expires_at + links.AGAIN_FOR, tries) == [link, None, None]


def test_a_stranger_is_no_holder_and_costs_no_query(
    link: PaymentLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    again, other = links.again_value(link), world.operator("solmara", currency="EUR")
    tries = [
        (link.selector, again, ""),  # neither opens what the other does
        (link.selector, "", rest(link)),
        ("A" * 11, rest(link), again),
        (link.selector, rest(link)[:-1], again + "A"),
        ("é", "\udcff", "%00"),
        ("", "", ""),
    ]
    with django_assert_num_queries(0):
        assert holders(link, NOW, tries) == [None] * len(tries)
        assert links.holder(other, link.selector, rest(link), again, NOW) is None


def test_the_second_cookie_opens_nothing(link: PaymentLink, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0), pytest.raises(links.LinkForged):
        links.resolve(link.operator, link.selector, links.again_value(link), NOW)
