"""What can be bought, by whom, and what is written when it is."""

import pytest

from activation import checkout, ordering
from activation.models import Order, Package
from billing import payments
from billing.models import AuditEntry, BillingAccount, Customer, Invoice, LedgerEntry, LegalEntity
from tests.activation import made
from tests.activation.made import NOW, World


@pytest.fixture
def world(db: None) -> World:
    return made.world()


def offered(customer: Customer, currency: str = "NOK") -> list[str]:
    return [package.code for package in ordering.offers(customer, currency)]


def place(world: World, *packages: Package, account: BillingAccount | None = None) -> Order:
    account = account or world.account
    return ordering.place(customer=world.customer, legal_entity_account=account, packages=packages, now=NOW)


def test_it_works(world: World) -> None:
    order = place(world, world.films, world.data)
    assert order.status == Order.Status.ACKNOWLEDGED
    assert order.invoice.status == Invoice.Status.DRAFT
    assert order.invoice.number is None
    assert (order.invoice.amount, order.invoice.vat_amount) == (20800, 2580 + 1580)
    assert [line.names["en"] for line in order.invoice.lines.order_by("position")] == ["Films", "10 GB"]
    films, data = order.items.order_by("package__position")
    assert (films.device, films.amount, films.duration_days) == (world.tv, 12900, 30)
    assert data.device is None


def test_an_order_is_no_debt(world: World) -> None:
    place(world, world.films)
    assert not Invoice.objects.owed().exists()
    assert not LedgerEntry.objects.exists()


def test_the_shelf_in_its_order(world: World) -> None:
    assert offered(world.customer) == ["sports-weekend", "films", "data-10"]


def test_not_in_another_currency(world: World) -> None:
    assert offered(world.customer, "EUR") == []


def test_not_what_was_taken_off_the_shelf(world: World) -> None:
    Package.objects.filter(pk=world.films.pk).update(is_on_offer=False)
    assert "films" not in offered(world.customer)
    with pytest.raises(ordering.NotOnOffer):
        place(world, world.films)
    assert not Order.objects.exists()


def test_no_television_without_a_set(world: World) -> None:
    world.tv.delete()
    assert offered(world.customer) == ["data-10"]


def test_nothing_of_a_legal_entity_without_an_account_there(world: World) -> None:
    other = LegalEntity.objects.create(operator=world.operator, name="Other AS", organization_number="other")
    Package.objects.filter(pk=world.data.pk).update(legal_entity=other)
    assert "data-10" not in offered(world.customer)
    BillingAccount.objects.create(customer=world.customer, legal_entity=other, number="7", created_at=NOW)
    assert "data-10" in offered(world.customer)
    with pytest.raises(ordering.NotOnOffer):
        place(world, world.data)


def test_nothing_of_another_operator(world: World) -> None:
    other = made.world()
    assert not ordering.offers(world.customer, "NOK").filter(operator=other.operator).exists()
    with pytest.raises(ordering.NotOnOffer):
        place(world, other.data)
    with pytest.raises(ordering.NotOnOffer):
        place(world, world.data, account=other.account)


def test_each_package_once_and_at_least_one(world: World) -> None:
    for packages in [(), (world.films, world.films)]:
        with pytest.raises(ordering.NotOnOffer):
            place(world, *packages)


def test_the_price_is_the_price_at_the_time(world: World) -> None:
    order = place(world, world.films)
    Package.objects.filter(pk=world.films.pk).update(amount=1)
    assert order.items.get().amount == order.invoice.amount == 12900


@pytest.mark.parametrize("changed", [{}, {"amount": 5000}, {"duration_days": 7}])
def test_a_second_tap_has_the_same_order_unless_the_package_has_changed(world: World, changed: dict[str, int]) -> None:
    """Who taps again pays what the page shows now, and gets it for as long as the page says now."""
    link = world.link()

    def tap() -> Order:
        world.films.refresh_from_db()
        amount = world.films.amount
        payment = checkout.start(link=link, bill_ids=[], package_ids=[world.films.pk], amount_shown=amount, now=NOW)
        return Order.objects.get(
            invoice__payment_items__payment=payment, invoice__payment_items__version=payment.version
        )

    first = tap()
    if changed:
        Package.objects.filter(pk=world.films.pk).update(**changed)
    second = tap()
    assert (second == first) is (not changed)
    world.films.refresh_from_db()
    bought = second.items.get()
    assert (bought.amount, bought.duration_days) == (world.films.amount, world.films.duration_days)


@pytest.mark.parametrize(
    "amount, rate, within", [(9900, 2500, 1980), (1, 2500, 0), (3, 2500, 1), (100, 0, 0), (107, 700, 7)]
)
def test_the_tax_inside_a_price(amount: int, rate: int, within: int) -> None:
    assert ordering._vat_within(amount, rate) == within


def test_cancelled_twice_is_cancelled_once(world: World) -> None:
    order = place(world, world.films)
    assert ordering.cancel(order, NOW)
    assert not ordering.cancel(order, NOW)
    order.refresh_from_db()
    assert order.status == Order.Status.CANCELLED
    assert AuditEntry.objects.filter(verb="cancel-order").count() == 1


def test_a_payment_that_is_canceled_cancels_the_order(world: World) -> None:
    payment = world.tap(world.films)
    assert payments.settle(payment.pk, made.canceled(payment), NOW)
    assert made.order_of(payment).status == Order.Status.CANCELLED
    assert not payments.settle(payment.pk, made.canceled(payment), NOW)


def test_an_order_under_way_is_not_cancelled(world: World) -> None:
    order = made.order_of(world.buy(world.films))
    assert not ordering.cancel(order, NOW)
    order.refresh_from_db()
    assert order.status == Order.Status.IN_PROGRESS
