"""Who lives in a story of reminders: people, their bills and habits, and what became of what they were sent."""

from dataclasses import dataclass, field
from datetime import date, datetime

from billing.models import Customer
from payportal.messaging.models import Message
from tests.payportal.messaging.carrier import Word


@dataclass(frozen=True)
class Twist:
    """Something that a person or the world does, so many days after a bill was due, at one stage of that day."""

    day: int
    stage: str
    what: str


@dataclass(frozen=True)
class Month:
    """One bill of a person's and the habits from then on; ``receipts``: every how many days they come, 0: never."""

    twists: tuple[Twist, ...] = ()
    receipts: int = 1
    # Whether each link that they got is withdrawn within the hour, and whether only the first message leaves us.
    is_withdrawn: bool = False
    is_refused: bool = False


@dataclass
class Copy:
    """A message that the carrier took."""

    at: datetime
    message: Message
    text: str
    selector: str
    arrived_at: datetime | None = None


@dataclass
class Way:
    """A link that a customer had, from the moment on in which they had it."""

    customer_id: int
    had_from: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass
class Paying:
    """One payment under way; by tap it may have been given up, a bank's is the bank's."""

    payment_id: int
    customer_id: int
    bills: list[int]
    is_bank: bool
    since: datetime
    is_over: bool = False


@dataclass
class Person:
    """A customer: their bills to come, and what they have done."""

    customer: Customer
    plot: dict[date, Month]
    month: Month = field(default_factory=Month)
    twists: dict[date, list[Twist]] = field(default_factory=dict)
    # What the carrier will say to their next messages.
    words: list[Word] = field(default_factory=list)
    has_stopped: bool = False
    left_since_bill: int = 0

    def acts(self, day: date, stage: str) -> list[str]:
        return [twist.what for twist in self.twists.get(day, []) if twist.stage == stage]
