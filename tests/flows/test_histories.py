"""Long random histories: whatever customers, agents, banks and a bad network do, the books agree in the end."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from activation import checkout
from activation.models import Activation, ActivationJob, Device, Order, Package
from billing import links, payments
from billing.gateways.base import GatewayError, GatewayUnknown
from billing.models import BillingAccount, Invoice, InvoiceReservation, Payment, PaymentLink
from payportal.demo.stripe_standin import StandIn
from payportal.messaging.models import Message
from tests import world
from tests.flows.phone import work

pytestmark = pytest.mark.django_db(transaction=True)
FAULTS = ["reset_before", "reset_after", "broken_body", "status_429", "status_500", "status_500_after", "status_409"]
REFUSALS = (
    payments.AmountChanged,
    payments.NothingDue,
    payments.PaymentInProgress,
    payments.PaymentGone,
    payments.BillsTaken,
    GatewayUnknown,
    GatewayError,
)


class History:
    """One customer's life, in steps chosen by a seed."""

    def __init__(self, standin: StandIn, seed: int) -> None:
        self.standin = standin
        self.choose = random.Random(seed)
        owner = world.operator(f"h{seed}", is_default=False, host=f"h{seed}.test")
        self.customer = world.customer(owner)
        self.account: BillingAccount = world.account(self.customer, world.legal_entity(owner))
        self.links: list[PaymentLink] = [self.new_link()]
        self.secrets: list[str] = []
        self.packages = [self.new_package(number) for number in range(2)]
        Device.objects.create(customer=self.customer, reference=f"tv-{seed}", kind="tv", account=self.account)
        self.now = timezone.now()

    def new_link(self) -> PaymentLink:
        return links.create(customer=self.customer, currency="NOK", actor="staff:1", now=timezone.now())

    def new_package(self, number: int) -> Package:
        return Package.objects.create(
            operator=self.customer.operator,
            legal_entity=self.account.legal_entity,
            code=f"p{number}",
            kind="tv",
            names={"en": f"Package {number}"},
            currency="NOK",
            amount=self.choose.choice([1, 9900, 12900]),
            duration_days=3,
        )

    def step(self) -> None:
        """One thing happens."""
        steps = [self.bill, self.tap, self.tap, self.tap, self.confirm, self.confirm, self.decline, self.refresh]
        steps += [self.break_stripe, self.another_link, self.take_over, self.cancel, self.debit, work, self.sweep]
        self.choose.choice(steps)()

    def bill(self) -> None:
        world.bill(self.account, self.choose.choice([1, 100, 64800]), now=timezone.now())

    def another_link(self) -> None:
        self.links.append(self.new_link())

    def break_stripe(self) -> None:
        self.standin.switches.add_fault(
            self.choose.choice(FAULTS), method=self.choose.choice(["POST", "GET", "*"]), times=self.choose.randint(1, 2)
        )

    def tap(self) -> None:
        link = self.choose.choice(self.links)
        owed = list(Invoice.objects.of_customer(self.customer.pk, "NOK").owed().values_list("pk", flat=True))
        bills = [key for key in owed if self.choose.random() < 0.7]
        packages = [package.pk for package in self.packages if self.choose.random() < 0.3]
        quote = checkout.quote(link=link, bill_ids=bills, package_ids=packages)
        shown = quote.amount + (self.choose.random() < 0.1)
        try:
            payment = checkout.start(
                link=link, bill_ids=bills, package_ids=packages, amount_shown=shown, now=timezone.now()
            )
            if self.choose.random() < 0.9:
                self.secrets.append(payments.open_at_gateway(payment.pk, timezone.now()).client_secret)
        except REFUSALS:
            return

    def _confirm(self, card: str) -> None:
        if self.secrets:
            try:
                world.confirm(self.standin, self.choose.choice(self.secrets), card)
            except (OSError, ValueError):
                return

    def confirm(self) -> None:
        self._confirm(world.GOOD_CARD)

    def decline(self) -> None:
        self._confirm(world.DECLINED_CARD)

    def debit(self) -> None:
        self._confirm("pm_sepa_debit")
        for intent in self.standin.objects("payment_intent"):
            if intent["status"] == "processing" and self.choose.random() < 0.5:
                self.standin.advance(intent["id"], self.choose.choice(["succeed", "fail"]))

    def any_payment(self) -> Payment | None:
        found = list(Payment.objects.filter(customer=self.customer))
        return self.choose.choice(found) if found else None

    def refresh(self) -> None:
        if payment := self.any_payment():
            payments.refresh(payment.pk, timezone.now())

    def _refusable(self, verb: object) -> None:
        payment = self.any_payment()
        if payment is None:
            return
        try:
            verb(payment)  # type: ignore[operator]
        except REFUSALS:
            return

    def take_over(self) -> None:
        self._refusable(lambda payment: payments.take_over(payment.pk, actor="customer:1", now=timezone.now()))

    def cancel(self) -> None:
        self._refusable(lambda payment: payments.cancel(payment.pk, timezone.now()))

    def sweep(self) -> None:
        payments.reconcile(timezone.now() + timedelta(minutes=self.choose.choice([1, 40])))

    def finish(self) -> None:
        """The network is well again, debits are answered, everything abandoned is swept up."""
        self.standin.switches.clear()
        for intent in self.standin.objects("payment_intent"):
            if intent["status"] == "processing":
                self.standin.advance(intent["id"], "succeed")
        for payment in Payment.objects.filter(customer=self.customer, status__in=Payment.OPEN):
            payments.refresh(payment.pk, timezone.now())
        payments.reconcile(timezone.now() + timedelta(minutes=61), every=timedelta(0))
        payments.reconcile(timezone.now() + timedelta(minutes=90), every=timedelta(0))
        # Later than everything that the sweeps of the future wrote.
        work(timedelta(hours=2))

    def assert_all_is_well(self) -> None:
        """Taken once, booked as taken, switched on once, nothing held, everybody told once."""
        mine = {payment.reference: payment for payment in Payment.objects.filter(customer=self.customer)}
        taken: dict[str, int] = {}
        for charge in self.standin.paid_charges():
            reference = charge["metadata"].get("payment")
            if reference in mine:
                assert reference not in taken, "money taken twice for one payment"
                taken[reference] = charge["amount"]
        booked = {p.reference: p.amount_received for p in mine.values() if p.status == "succeeded"}
        assert booked == taken
        assert not Payment.objects.filter(customer=self.customer, status__in=Payment.OPEN).exists()
        assert not InvoiceReservation.objects.filter(payment__customer=self.customer, released_at=None).exists()
        for order in Order.objects.filter(customer=self.customer):
            is_paid = order.invoice.status == "paid"
            assert order.status == ("completed" if is_paid else "cancelled")
            assert Activation.objects.filter(order_item__order=order).count() == (order.items.count() if is_paid else 0)
        jobs = ActivationJob.objects.filter(order_item__order__customer=self.customer)
        assert set(jobs.values_list("status", flat=True)) <= {"done"}
        assert Message.objects.filter(customer=self.customer, template="receipt").count() == len(taken)


def live(standin: StandIn, seed: int, steps: int) -> None:
    history = History(standin, seed)
    for _ in range(steps):
        history.step()
    history.finish()
    history.assert_all_is_well()
    world.assert_books_balance()


@pytest.fixture
def quick_network(settings, tmp_path) -> None:
    settings.SIMULATOR_STATE = str(tmp_path / "network.jsonl")
    settings.SIMULATOR_LATENCY_MS = 0


@pytest.mark.parametrize("seed", range(3))
def test_a_random_history_ends_well(standin: StandIn, quick_network: None, seed: int) -> None:
    live(standin, seed, steps=30)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 116))
def test_long_random_histories_end_well(standin: StandIn, quick_network: None, seed: int) -> None:
    live(standin, seed, steps=150)
