"""One customer's story over HTTP, and what must be true of it in the end, whatever was killed on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import requests
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from activation.models import Activation, ActivationJob, Device, Order
from billing import links
from billing.models import Invoice, InvoiceReservation, LedgerEntry, LegalEntity, LinkEvent, Operator, Payment
from payportal.demo.models import OutboxMessage
from payportal.messaging.models import Message
from tests import world
from tests.flows.phone import Phone
from tests.system.stack import Stack

# CASES promises this; a machine that runs other things too gets more in LATEST, and what it took is printed.
PROMISED = 60.0
LATEST = 120.0
LATE_BILL, NEXT_BILL = 64800, 39900
OUTAGE = (DatabaseError, InterfaceError)


def until(is_so: Callable[[], object], what: str, seconds: float = 30) -> Any:
    """Wait until it is so, an outage being a no; fails when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := is_so():
                return found
        except (*OUTAGE, requests.RequestException):
            connections.close_all()
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


class Patient(requests.Session):
    """A browser that waits longer than our server may take."""

    def request(self, *args: Any, **how: Any) -> requests.Response:
        return super().request(*args, **{**how, "timeout": 45})


class Story:
    """A customer with a late bill, a TV paused for it and a bill to come, who buys a package as well."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        now = timezone.now()
        operator = Operator.objects.get(code="brisvik")
        entity = LegalEntity.objects.get(operator=operator)
        self.customer = world.customer(operator, created_at=now - timedelta(days=400), language="en")
        home = world.account(self.customer, entity, "Broadband and TV")
        world.bill(home, LATE_BILL, due_on=now.date() - timedelta(days=12), now=now - timedelta(days=26))
        world.bill(world.account(self.customer, entity), NEXT_BILL, now=now)
        device = Device.objects.create(
            customer=self.customer, account=home, reference=f"stb-{home.number}", kind="tv", names={"en": "kitchen"}
        )
        self.tv = Activation.objects.create(
            customer=self.customer,
            account=home,
            device=device,
            reference=f"tv-{home.number}",
            service_code="tv",
            names={"en": "TV"},
            status="suspended",
            started_at=now - timedelta(days=400),
            suspension=1,
        )
        link = links.create(customer=self.customer, currency="NOK", actor="staff:1", now=now)
        self.phone = Phone(stack.base, link)
        self.phone.session.__class__ = Patient
        self.amount = LATE_BILL + NEXT_BILL
        self.package: list[str] = []

    def open(self) -> Story:
        """The page, and Sports weekend ticked."""
        # As a person does who is told to try again.
        until(lambda: "1,047.00" in self.phone.open(), "the page")
        self.package = self.phone.packages()[:1]
        self.amount = LATE_BILL + NEXT_BILL + 9900
        return self

    def tap(self) -> requests.Response:
        return self.phone.pay(self.amount, packages=self.package)

    def tap_until_answered(self) -> requests.Response:
        """As a person does who is told that it didn't work: open the page again and tap again."""

        def tapped() -> requests.Response | None:
            answer = self.tap()
            return answer if answer.status_code == 200 else None

        return until(tapped, "an answered tap", LATEST)

    def confirm(self, started: requests.Response) -> None:
        """The wallet; Stripe's answer may get lost, the payer's browser asks no more."""
        self.status = self.phone.confirm(self.stack.stripe, started)  # type: ignore[arg-type]

    def pay(self) -> Story:
        """Open, tap, confirm."""
        self.open()
        self.confirm(self.tap_until_answered())
        return self

    # What is so by now

    @property
    def payment(self) -> Payment:
        return Payment.objects.exclude(status="canceled").get(customer=self.customer)

    def job(self, kind: str = "activate") -> ActivationJob | None:
        return ActivationJob.objects.filter(payment__customer=self.customer, kind=kind).first()

    def effects(self) -> list[dict[str, Any]]:
        """What the network really did for this customer."""
        references = {job.request["service_reference"] for job in self.jobs()}
        return [line for line in self.stack.network.effects() if line["service_reference"] in references]

    def jobs(self) -> list[ActivationJob]:
        return list(ActivationJob.objects.filter(payment__customer=self.customer))

    def is_paid(self) -> bool:
        return Payment.objects.filter(customer=self.customer, status="succeeded").exists()

    def has_ended(self) -> bool:
        """Paid, all on, and the receipt on the phone."""
        jobs = self.jobs()
        return (
            self.is_paid()
            and len(jobs) == 2
            and all(job.status == "done" for job in jobs)
            and OutboxMessage.objects.filter(reference=self.receipt_reference()).exists()
            and Message.objects.filter(payment=self.payment, template="receipt", status="sent").exists()
        )

    def receipt_reference(self) -> str:
        return Message.objects.values_list("reference", flat=True).get(payment=self.payment, template="receipt")

    def wait_for_end(self, seconds: float = LATEST) -> float:
        """How long it took."""
        began = time.monotonic()
        try:
            until(self._has_ended, f"the end of {self.customer.reference}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.standing()}") from None
        return time.monotonic() - began

    def standing(self) -> str:
        """Where it got to, for whoever reads a failure."""
        payments = list(Payment.objects.filter(customer=self.customer).values_list("reference", "status"))
        jobs = [(job.kind, job.status, job.attempts, job.run_after, job.error) for job in self.jobs()]
        messages = list(Message.objects.filter(customer=self.customer).values_list("template", "status", "error"))
        return f"{payments} {jobs} {messages} at {timezone.now()}"

    def _has_ended(self) -> bool:
        try:
            return self.has_ended()
        except (Payment.DoesNotExist, Message.DoesNotExist):
            return False

    def assert_ended_well(self) -> None:
        """Paid once at Stripe, booked once, on once in the network, one receipt, and the page says so."""
        payment = self.payment
        assert (payment.status, payment.amount_received) == ("succeeded", self.amount)
        assert payment.needs_person == ""
        assert self.stack.stripe.took(payment.reference) == [self.amount]
        assert LedgerEntry.objects.filter(payment=payment, kind="payment").count() == 1
        assert set(self._invoices().values_list("status", flat=True)) == {"paid"}
        assert not InvoiceReservation.objects.filter(payment=payment, released_at__isnull=True).exists()
        assert Order.objects.exclude(status="cancelled").get(customer=self.customer).status == "completed"
        assert sorted(line["action"] for line in self.effects()) == ["activate", "restore"]
        mine = Activation.objects.filter(customer=self.customer)
        assert list(mine.values_list("status", flat=True)) == ["active", "active"]
        receipts = Message.objects.filter(customer=self.customer, template="receipt")
        assert receipts.get().status == "sent"
        assert OutboxMessage.objects.filter(reference=self.receipt_reference()).count() == 1
        kinds = list(LinkEvent.objects.filter(payment=payment).values_list("kind", flat=True))
        counted = {kind: kinds.count(kind) for kind in ("succeeded", "switched_on", "receipt_sent")}
        assert counted == {"succeeded": 1, "switched_on": 2, "receipt_sent": 1}
        status = f"/s/{links.status_token(payment)}"
        until(lambda: "is on" in self.phone.get(status).text, "the page says that it is on")

    def _invoices(self) -> Any:
        return Invoice.objects.filter(account__customer=self.customer).exclude(status="void")


def finish(*stories: Story, within: float = LATEST) -> float:
    """Wait for the end of all stories; each must be the same as ever. How long the slowest took."""
    began = time.monotonic()
    for story in stories:
        story.wait_for_end(max(1.0, within - (time.monotonic() - began)))
    took = time.monotonic() - began
    for story in stories:
        story.assert_ended_well()
    world.assert_books_balance()
    return took


def in_thread(pool: ThreadPoolExecutor, function: Callable[[], Any]) -> Future[Any]:
    """Run it beside us, closing its own connection to the database afterwards."""

    def run() -> Any:
        try:
            return function()
        finally:
            connections.close_all()

    return pool.submit(run)
