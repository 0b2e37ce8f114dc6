"""Years of bills, payments, receipts and opt-outs, simulated: what reminders and fees may never do."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.models import Customer, Invoice, LateFee, LegalEntity, Operator, PaymentLink
from payportal.messaging import messages, notices, permission, policies, receipts, reminding
from payportal.messaging.channels.base import Said
from payportal.messaging.models import Message, ReminderRule
from tests import world
from tests.payportal.messaging.carrier import PlayedCarrier, registered, speak

pytestmark = pytest.mark.django_db
BEGIN = date(2026, 1, 5)
ZONES = ("Europe/Oslo", "Asia/Kolkata", "America/St_Johns")
# What happens on a day: to which customer, and what.
EVENTS = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["bill", "bill", "pay", "stop", "start", "deliver", "revoke", "busy", "lost", "away"]),
)


@dataclass
class Life:
    """Two customers of an operator with the usual rules and a fee after four weeks."""

    carrier: PlayedCarrier
    operator: Operator
    entity: LegalEntity
    customers: list[Customer]
    sent: list[tuple[datetime, Message]] = field(default_factory=list)

    def happens(self, which: int, what: str, at: datetime) -> None:
        """One event of a day."""
        customer = self.customers[which]
        owed = Invoice.objects.filter(account__customer=customer).owed()
        if what == "bill":
            account = customer.accounts.get()
            world.bill(account, due_on=at.date() + timedelta(days=5), now=at)
        elif what == "pay":
            for bill in owed.order_by("due_on")[:1]:
                Invoice.objects.filter(pk=bill.pk).update(status="paid", amount_paid=bill.amount, paid_at=at)
        elif what in ("stop", "start"):
            said = Said(customer.phone, what)  # type: ignore[arg-type]
            receipts.take(self.carrier.code, "default", [said], at)
        elif what == "deliver":
            news = [self.carrier.receipt("delivered", number) for number in range(len(self.carrier.copies))]
            receipts.take(self.carrier.code, "default", news, at)
        elif what == "revoke":
            PaymentLink.objects.filter(customer=customer, revoked_at__isnull=True).update(revoked_at=at)
        else:
            self.carrier.words.append({"busy": "busy", "lost": "lost", "away": "nobody there"}[what])  # type: ignore[arg-type]

    def live(self, at: datetime) -> None:
        """One look of beat's: turns are taken, and what is due is sent."""
        reminding.remind(at, self.operator)
        waiting = Message.objects.filter(operator=self.operator, status__in=["queued", "unknown"])
        for message_id in waiting.filter(next_attempt_at__lte=at).values_list("pk", flat=True):
            before = len(self.carrier.copies)
            messages.deliver(message_id, at)
            for copy in self.carrier.copies[before:]:
                message = Message.objects.select_related("link").get(code=copy.outgoing.code)
                self.check_sent(message, at)
                self.sent.append((at, message))

    def check_sent(self, message: Message, at: datetime) -> None:
        """What must be true of a message in the moment in which it goes out."""
        bills = Invoice.objects.filter(pk__in=message.context["bills"])
        if message.template == "reminder":
            assert bills.owed().exists(), "reminded of what was paid"
        zone = permission.zone_of(message.customer, message.operator)
        policy = policies.of(message.operator)
        local = at.astimezone(zone).time()
        assert policy.quiet_until <= local < policy.quiet_from, "woken up"
        assert message.link
        assert message.link.revoked_at is None, "sent a link that was withdrawn"

    def check_all(self) -> None:
        """What must be true in the end."""
        occasions = [message.reference for _at, message in self.sent]
        assert len(occasions) == len(set(occasions)), "told twice"
        policy = policies.of(self.operator)
        for customer in self.customers:
            counted = [
                at for at, message in self.sent if message.customer_id == customer.pk and message.template == "reminder"
            ]
            for begin in counted:
                window = [at for at in counted if begin <= at < begin + timedelta(days=policy.cap_days)]
                assert len(window) <= policy.cap_messages, "capped, and told all the same"
        for fee in LateFee.objects.filter(invoice__account__customer__in=self.customers).select_related("invoice"):
            notice = Message.objects.select_related("link").get(reference=fee.notice_reference)
            assert notice.template == "reminder"
            assert notice.delivered_at, "a fee without a delivered notice"
            assert fee.charged_at - notice.delivered_at >= notices.BEFORE_FEE
            assert fee.invoice_id in notice.context["bills"]
            assert notice.context["fee"] >= fee.fee_invoice.amount
            assert fee.invoice.paid_at is None or fee.invoice.paid_at > fee.charged_at, "a fee after payment"
            assert self.could_pay(fee), "a fee without a way to pay"
            assert not LateFee.objects.filter(invoice=fee.fee_invoice).exists(), "a fee on a fee"

    def could_pay(self, fee: LateFee) -> bool:
        """Whether some link was there for a day between notice and fee."""
        found = PaymentLink.objects.filter(customer=fee.invoice.account.customer)
        return any(
            min(filter(None, (link.expires_at, link.revoked_at, fee.charged_at)))
            - max(link.created_at, fee.notice_delivered_at)
            >= timedelta(hours=24)
            for link in found
        )


def begin(carrier: PlayedCarrier, number: int) -> Life:
    """A telecom of its own for each story, since stories share a database."""
    entity = world.legal_entity(world.operator(f"years{number}", is_default=False))
    ReminderRule.objects.create(operator=entity.operator, code="fee", days=28, at=time(10), fee_amount=3500)
    customers = [world.customer(entity.operator, time_zone=zone) for zone in ZONES[:2]]
    for customer in customers:
        world.account(customer, entity)
        speak(customer, carrier.code)
        customer.operator = entity.operator
    return Life(carrier, Operator.objects.get(pk=entity.operator_id), entity, customers)


_numbers = iter(range(1_000_000))


def tell(days: list[list[tuple[int, str]]]) -> None:
    """A story: events in the morning, and beat three times a day."""
    carrier = PlayedCarrier(code=f"years_{next(_numbers)}")
    with registered(carrier):
        life = begin(carrier, next(_numbers))
        for number, events in enumerate(days):
            day = datetime.combine(BEGIN + timedelta(days=number), time(0), tzinfo=UTC)
            for which, what in events:
                life.happens(which, what, day + timedelta(hours=3))
            for hour in (5, 10, 20):
                life.live(day + timedelta(hours=hour))
        life.check_all()


DAYS = st.lists(st.lists(EVENTS, max_size=2), min_size=10, max_size=20)
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@settings(max_examples=3, deadline=None, suppress_health_check=QUIET, derandomize=True, phases=[Phase.generate])
@given(days=DAYS)
def test_weeks(days: list[list[tuple[int, str]]]) -> None:
    tell(days)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=QUIET)
@given(days=st.lists(st.lists(EVENTS, max_size=3), min_size=40, max_size=80))
def test_years(days: list[list[tuple[int, str]]]) -> None:
    tell(days)


def test_a_year_in_which_nobody_pays_has_fees_and_all_of_them_were_announced() -> None:
    """So that the histories above are not empty of what they forbid."""
    events: list[list[tuple[int, str]]] = [[(0, "bill")], *[[(0, "deliver")] for _ in range(45)]]
    carrier = PlayedCarrier(code=f"years_{next(_numbers)}")
    with registered(carrier):
        life = begin(carrier, next(_numbers))
        for number, each in enumerate(events):
            day = datetime.combine(BEGIN + timedelta(days=number), time(0), tzinfo=UTC)
            for which, what in each:
                life.happens(which, what, day + timedelta(hours=3))
            for hour in (7, 10):
                life.live(day + timedelta(hours=hour))
        life.check_all()
        assert LateFee.objects.count() == 1
        # Afterwards the fee is a bill of its own, and reminded of like one.
        assert [message.context["rule"] for _at, message in life.sent][:5] == [
            "before",
            "today",
            "after",
            "again",
            "fee",
        ]
    world.assert_books_balance()
