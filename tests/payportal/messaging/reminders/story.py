"""Customers who live with reminders: what really happened to them, kept apart from our rows, and what may never happen.

A story knows from itself what was paid when, who was paying, which copy arrived and which link ended. Fees and messages
are held against that, and against no question that the code asks of itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F

from billing import links
from billing.models import Invoice, InvoiceReservation, LateFee, LegalEntity, Operator, Payment, PaymentLink
from payportal.messaging import messages, receipts, reminding
from payportal.messaging.channels.base import Outgoing, Said
from payportal.messaging.models import Message, ReminderRule
from tests import world
from tests.payportal.messaging.carrier import PlayedCarrier, Word
from tests.payportal.messaging.reminders.people import Copy, Month, Paying, Person, Way

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FEE, FEE_DAYS, NOTICE, WAY_TO_PAY = 3500, 14, timedelta(days=14), timedelta(hours=24)
FEE_IN_WORDS = "35.00"
# The usual rules and the fee's. On other days nothing happens by itself.
RULE_DAYS = (-3, 0, 3, 10, FEE_DAYS)
ISSUED_BEFORE = 5
QUIET = (time(21), time(8))
CAP, CAP_DAYS = 3, timedelta(days=7)
BANK_TAKES = 3
TAP_HOLDS = timedelta(minutes=30)
_numbers = count(1)


@dataclass
class Story:
    """The customers of one telecom, each with a life of their own."""

    carrier: PlayedCarrier
    entity: LegalEntity
    zone: ZoneInfo
    at: time
    now: datetime
    people: dict[int, Person] = field(default_factory=dict)
    due: dict[int, date] = field(default_factory=dict)
    paid: set[int] = field(default_factory=set)
    paying: list[Paying] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    ways: dict[str, Way] = field(default_factory=dict)
    fees: list[LateFee] = field(default_factory=list)
    is_waiting: bool = False
    wrong: str = ""

    @property
    def operator(self) -> Operator:
        return self.entity.operator

    # What happens.

    def join(self, months: Sequence[Month], first_due: date) -> Person:
        """One more customer, with a bill every thirty days."""
        number = next(_numbers)
        made = world.customer(self.operator, phone=f"+4477{number:08d}")
        world.account(made, self.entity)
        made.operator = self.operator
        first = first_due - ISSUED_BEFORE * DAY
        plot = {first + number * 30 * DAY: month for number, month in enumerate(months)}
        self.people[made.pk] = Person(made, plot)
        return self.people[made.pk]

    def live(self, days_after: int) -> None:
        """Until so many days after the last bill was due; days on which nothing can happen are skipped."""
        issued = [day for person in self.people.values() for day in person.plot]
        day, last = min(issued), max(issued) + (ISSUED_BEFORE + days_after) * DAY
        while day <= last:
            if self.is_busy(day):
                self.spend(day)
            day += DAY

    def is_busy(self, day: date) -> bool:
        turns = any((day - due).days in RULE_DAYS for pk, due in self.due.items() if pk not in self.paid)
        banks = any(paying.is_bank and not paying.is_over for paying in self.paying)
        news = any(day in person.twists or day in person.plot for person in self.people.values())
        return turns or banks or news or self.is_waiting

    def spend(self, day: date) -> None:
        """A day: beat looks when it is the rules' time and half a day later, and things happen in between."""
        turn = datetime.combine(day, self.at, tzinfo=self.zone).astimezone(UTC)
        self.now = turn - 2 * HOUR
        self.end_banks()
        for person in self.people.values():
            self.send_bill(person, day)
        self.act(day, "before", turn - HOUR)
        self.now = turn
        with in_the_middle_of_a_turn(lambda customer_id: self.do(self.people[customer_id], day, "taking")):
            self.look()
        self.act(day, "between", turn + MINUTE)
        self.send(turn + 2 * MINUTE)
        self.act(day, "after", turn + 2 * HOUR)
        self.now = turn + 10.5 * HOUR
        self.look()
        self.send(self.now + MINUTE)
        self.end_taps()

    def send_bill(self, person: Person, day: date) -> None:
        if day not in person.plot:
            return
        person.month, person.left_since_bill, due = person.plot[day], 0, day + ISSUED_BEFORE * DAY
        self.due[world.bill(person.customer.accounts.get(), due_on=due, now=self.now).pk] = due
        for twist in person.month.twists:
            person.twists.setdefault(due + twist.day * DAY, []).append(twist)

    def look(self) -> None:
        """Beat's: turns are taken."""
        reminding.remind(self.now, self.operator)
        known = [fee.pk for fee in self.fees]
        charged = LateFee.objects.filter(invoice__account__customer__in=self.people).exclude(pk__in=known)
        for fee in charged.select_related("invoice__account", "fee_invoice"):
            self.check_fee(fee)
            self.fees.append(fee)
            self.due[fee.fee_invoice_id] = fee.fee_invoice.due_on

    def send(self, at: datetime) -> None:
        """What is due is sent, receipts come or don't, links are withdrawn or not."""
        self.now = at
        waiting = Message.objects.filter(operator=self.operator, status__in=["queued", "unknown"])
        for pk, customer_id in waiting.filter(next_attempt_at__lte=at).values_list("pk", "customer_id"):
            person = self.people[customer_id]
            refuses = person.month.is_refused and person.left_since_bill
            self.carrier.words = ["refused"] if refuses else person.words
            messages.deliver(pk, at)
            assert not self.wrong, self.wrong
        self.is_waiting = waiting.exists()
        self.now = at + 3 * MINUTE
        self.tell_receipts()
        self.now = at + HOUR
        for person in self.people.values():
            if person.month.is_withdrawn:
                self.withdraw(person)

    def tell_receipts(self) -> None:
        """The carrier's word for all that it has, as often as it gives it."""
        for number, copy in enumerate(self.copies):
            every = self.people[copy.message.customer_id].month.receipts
            if copy.arrived_at or not every or (every > 1 and self.now < copy.at + every * DAY):
                continue
            receipts.take(self.carrier.code, "default", [self.carrier.receipt("delivered", number)], self.now)
            copy.arrived_at = self.now
            self.had(copy.selector)

    def had(self, selector: str) -> None:
        """From now on they have this link."""
        link = PaymentLink.objects.get(selector=selector)
        self.ways.setdefault(selector, Way(link.customer_id, self.now, link.expires_at))

    def withdraw(self, person: Person) -> None:
        """An agent ends every link that they have in their hands."""
        for selector, way in self.ways.items():
            if way.customer_id == person.customer.pk and not way.revoked_at:
                links.revoke(PaymentLink.objects.get(selector=selector), actor="staff:1", now=self.now)
                way.revoked_at = self.now

    # What people do.

    def act(self, day: date, stage: str, at: datetime) -> None:
        self.now = at
        for person in self.people.values():
            self.do(person, day, stage)

    def do(self, person: Person, day: date, stage: str) -> None:
        for what in person.acts(day, stage):
            if what in ("pay", "pay one"):
                self.pay(self.owed(person)[: 1 if what == "pay one" else None])
            elif what in ("tap", "bank"):
                self.begin_payment(person, is_bank=what == "bank")
            elif what in ("stop", "start"):
                said = Said(person.customer.phone, "stop" if what == "stop" else "start")
                receipts.take(self.carrier.code, "default", [said], self.now)
                person.has_stopped = what == "stop"
            elif what == "withdraw":
                self.withdraw(person)
            elif what == "open":
                self.open_newest(person)
            else:
                person.words[:] = [cast("Word", what)]

    def open_newest(self, person: Person) -> None:
        """They tap on the newest link, whatever the carrier says of its message."""
        for copy in self.copies[::-1]:
            if copy.message.customer_id == person.customer.pk:
                links.mark_opened(PaymentLink.objects.get(selector=copy.selector), self.now)
                self.had(copy.selector)
                return

    def owed(self, person: Person) -> list[int]:
        bills = Invoice.objects.filter(account__customer=person.customer, pk__in=self.due.keys() - self.paid)
        return list(bills.order_by("due_on", "pk").values_list("pk", flat=True))

    def pay(self, bills: Sequence[int]) -> None:
        Invoice.objects.filter(pk__in=bills).update(status="paid", amount_paid=F("amount"), paid_at=self.now)
        self.paid.update(bills)

    def begin_payment(self, person: Person, *, is_bank: bool) -> None:
        """As the page does it: a payment of a link that they opened, and the bills are reserved."""
        bills = self.owed(person)
        is_at_it = any(not paying.is_over and paying.customer_id == person.customer.pk for paying in self.paying)
        if is_at_it or not bills:
            return
        link = world.link(person.customer, now=self.now)
        links.mark_opened(link, self.now)
        self.had(link.selector)
        payment = Payment.objects.create(
            operator=self.operator,
            customer=person.customer,
            link=link,
            reference=f"{next(_numbers):022d}",
            currency="NOK",
            amount=1,
            status="processing" if is_bank else "created",
            created_at=self.now,
            touched_at=self.now,
        )
        for bill in bills:
            InvoiceReservation.objects.create(invoice_id=bill, payment=payment, created_at=self.now)
        self.paying.append(Paying(payment.pk, person.customer.pk, bills, is_bank, self.now))

    def end_banks(self) -> None:
        for paying in self.paying:
            if paying.is_bank and not paying.is_over and self.now > paying.since + BANK_TAKES * DAY:
                self.pay(paying.bills)
                self.end(paying, status="succeeded", succeeded_at=self.now)

    def end_taps(self) -> None:
        """At night what nobody went on with is cancelled at the gateway."""
        for paying in self.paying:
            if not paying.is_bank and not paying.is_over:
                self.end(paying, status="canceled", canceled_at=self.now)

    def end(self, paying: Paying, **values: object) -> None:
        Payment.objects.filter(pk=paying.payment_id).update(touched_at=self.now, **values)
        InvoiceReservation.objects.filter(payment_id=paying.payment_id).update(released_at=self.now)
        paying.is_over = True

    # What must be true.

    def is_paying(self, customer_id: int) -> bool:
        return any(
            paying.customer_id == customer_id
            and not paying.is_over
            and (paying.is_bank or self.now < paying.since + TAP_HOLDS)
            for paying in self.paying
        )

    def leaves(self, outgoing: Outgoing) -> None:
        """The carrier takes a message: called in the middle of the sending."""
        message = Message.objects.get(code=outgoing.code, operator=self.operator)
        selector = outgoing.address.split("/")[-2]
        try:
            self.check_sent(message, selector)
        except AssertionError as error:
            # Whatever a channel raises is taken for its outcome: it is raised again once that is over.
            self.wrong = str(error)
        self.copies.append(Copy(self.now, message, outgoing.text, selector))
        self.people[message.customer_id].left_since_bill += 1

    def check_sent(self, message: Message, selector: str) -> None:
        """Of every message, a reminder or a fee's, in the moment in which it goes out."""
        assert message.template in ("reminder", "late_fee")
        assert set(message.context["bills"]) - self.paid, "spoken of after payment"
        assert not self.is_paying(message.customer_id), "spoken to while paying"
        assert not self.people[message.customer_id].has_stopped, "spoken to after STOP"
        way = self.ways.get(selector)
        assert not (way and way.revoked_at), "sent a link that was withdrawn"
        local = self.now.astimezone(self.zone).time()
        assert QUIET[1] <= local < QUIET[0], "woken up"
        assert message.reference not in [copy.message.reference for copy in self.copies], "told twice"
        told = [copy for copy in self.copies if copy.message.customer_id == message.customer_id]
        lately = [copy for copy in told if copy.message.template == "reminder" and copy.at > self.now - CAP_DAYS]
        assert message.template != "reminder" or len(lately) < CAP, "capped, and told all the same"

    def check_fee(self, fee: LateFee) -> None:
        """Of every fee, in the moment in which it was charged."""
        bill = fee.invoice_id
        assert bill not in self.paid, "a fee on a paid bill"
        assert not any(bill in paying.bills and not paying.is_over for paying in self.paying), "a fee while paying"
        assert bill not in [before.fee_invoice_id for before in self.fees], "a fee on a fee"
        assert fee.fee_invoice.amount == FEE
        assert self.now.astimezone(self.zone).date() >= self.due[bill] + FEE_DAYS * DAY, "a fee too early"
        [notice] = [copy for copy in self.copies if copy.message.reference == fee.notice_reference]
        assert notice.message.template == "reminder"
        assert bill in notice.message.context["bills"], "a notice of something else"
        assert FEE_IN_WORDS in notice.text, "a notice that kept the fee back"
        assert notice.arrived_at, "a fee without a delivered notice"
        assert notice.arrived_at <= self.now - NOTICE, "a fee too soon after its notice"
        assert self.could_pay(fee.invoice.account.customer_id, notice.arrived_at), "a fee without a way to pay"

    def could_pay(self, customer_id: int, since: datetime) -> bool:
        """Whether a link that they had was good for a whole day between the notice's arrival and now."""
        for way in self.ways.values():
            end = min(way.expires_at, self.now, way.revoked_at or self.now)
            if way.customer_id == customer_id and end - max(since, way.had_from) >= WAY_TO_PAY:
                return True
        return False


def begin(carrier: PlayedCarrier, zone: str, at: time) -> Story:
    """A telecom of its own for each story, since stories share a database."""
    number = next(_numbers)
    entity = world.legal_entity(world.operator(f"years{number}", is_default=False, time_zone=zone))
    ReminderRule.objects.create(operator=entity.operator, code="fee", days=FEE_DAYS, at=at, fee_amount=FEE)
    ReminderRule.objects.filter(operator=entity.operator).update(at=at)
    Operator.objects.filter(pk=entity.operator_id).update(channel=carrier.code)
    entity.operator = Operator.objects.get(pk=entity.operator_id)
    story = Story(carrier, entity, ZoneInfo(zone), at, world.NOW)
    carrier.meanwhile = story.leaves
    return story


@contextmanager
def in_the_middle_of_a_turn(act: Callable[[int], None]) -> Iterator[None]:
    """Once for each customer, when a turn has been decided and the customer's lock is just taken."""
    done: set[int] = set()

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        answer = execute(sql, params, many, context)
        if "FOR NO KEY UPDATE" in sql and 'FROM "billing_customer"' in sql and params[0] not in done:
            done.add(params[0])
            act(params[0])
        return answer

    with connection.execute_wrapper(watch):
        yield
