"""Carriers that do what they are told, and remember what really happened: the truth that our rows are held against."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from billing.models import Customer, LinkEvent, PaymentLink
from payportal.messaging import channels
from payportal.messaging.channels.base import (
    BadKeys,
    CannotTell,
    Channel,
    Credit,
    NoCredit,
    NotSent,
    Outgoing,
    Question,
    Receipt,
    Refused,
    SendUnknown,
)
from payportal.messaging.models import Message, MessagingPolicy
from tests.payportal.messaging.story import write

Word = Literal[
    "ok",
    "busy",
    "slow down",
    "bad keys",
    "broke",
    "refused",
    "nobody there",
    "wants nothing",
    "lost",
    "taken",
    "garbled",
    "dies before",
    "dies after",
]
Answer = Literal["tells", "cannot", "silent", "dies", "bad keys"]
SLOW_DOWN_SECONDS = 900


class WorkerDied(BaseException):
    """The process is gone: nothing after this line happens."""


@dataclass
class Copy:
    """One message that the carrier has: it may reach the customer unless it was given up."""

    outgoing: Outgoing
    reference: str
    is_given_up: bool = False


@dataclass
class PlayedCarrier(Channel):
    """A carrier that plays ``words``, one a sending, and then takes everything."""

    code: str = "played_whatsapp"  # type: ignore[misc]
    medium: Literal["sms", "whatsapp", "email"] = "whatsapp"  # type: ignore[misc]
    reaches: Literal["phone", "email"] = "phone"  # type: ignore[misc]
    words: list[Word] = field(default_factory=list)
    slow_down_seconds: float = SLOW_DOWN_SECONDS
    answer: Answer = "tells"
    # Of its own references: a carrier gives none twice.
    prefix: str = ""
    left: Credit = field(default_factory=Credit)
    calls: list[Outgoing] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    # Called in the middle of a sending.
    meanwhile: Callable[[Outgoing], None] = lambda outgoing: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: Outgoing) -> str:
        with self.lock:
            self.calls.append(message)
            word = self.words.pop(0) if self.words else "ok"
        failures: dict[Word, BaseException] = {
            "busy": NotSent("busy"),
            "slow down": NotSent("429", retry_after=self.slow_down_seconds),
            "bad keys": BadKeys("401"),
            "broke": NoCredit("no credit"),
            "refused": Refused("refused"),
            "nobody there": Refused("no such number", "unreachable"),
            "wants nothing": Refused("opted out", "opted_out"),
            "lost": SendUnknown("time-out"),
            "dies before": WorkerDied(),
        }
        if word in failures:
            raise failures[word]
        with self.lock:
            reference = f"{self.prefix or self.code}-{len(self.copies)}"
            self.copies.append(Copy(message, reference))
        self.meanwhile(message)
        if word == "taken":
            raise SendUnknown("time-out")
        if word == "garbled":
            raise KeyError(message.to)
        if word == "dies after":
            raise WorkerDied
        return reference

    def look_up(self, question: Question) -> str | None:
        self.questions.append(question)
        if self.answer == "cannot":
            raise CannotTell
        if self.answer == "silent":
            raise SendUnknown("time-out")
        if self.answer == "bad keys":
            raise BadKeys("401")
        if self.answer == "dies":
            raise WorkerDied
        found = [copy.reference for copy in self.copies if copy.outgoing.handover == question.handover]
        return found[0] if found else None

    def credit(self, account: str) -> Credit:
        if self.words and self.words[0] == "bad keys":
            raise BadKeys("401")
        return self.left

    def live(self) -> list[Copy]:
        """What may still reach the customer."""
        return [copy for copy in self.copies if not copy.is_given_up]

    def receipt(self, state: Literal["accepted", "delivered", "read", "undelivered"], number: int = 0) -> Receipt:
        """What this carrier says of one copy, by both references."""
        copy = self.copies[number]
        copy.is_given_up = copy.is_given_up or state == "undelivered"
        return Receipt(state, handover=copy.outgoing.handover, channel_reference=copy.reference)


@contextmanager
def registered(*carriers: Channel) -> Iterator[None]:
    """Have these channels for a while."""
    before = dict(channels.REGISTRY)
    for carrier in carriers:
        channels.register(carrier)
    try:
        yield
    finally:
        channels.REGISTRY.clear()
        channels.REGISTRY.update(before)


def speak(customer: Customer, first: str, second: str = "", on_unknown: str = "leave") -> None:
    """Have the customer's operator send by these channels."""
    customer.operator.channel = first
    customer.operator.save()
    policy, _ = MessagingPolicy.objects.update_or_create(
        operator=customer.operator, defaults={"fallback_channel": second, "on_unknown": on_unknown}
    )
    customer.operator.messaging_policy = policy


@dataclass
class Carriers:
    """WhatsApp first, SMS second if the operator wants that."""

    first: PlayedCarrier = field(default_factory=PlayedCarrier)
    second: PlayedCarrier = field(default_factory=lambda: PlayedCarrier("played_sms", "sms"))

    def calls(self) -> tuple[int, int]:
        return len(self.first.calls), len(self.second.calls)


def with_second(customer: Customer, carriers: Carriers) -> None:
    speak(customer, carriers.first.code, carriers.second.code)


def link_message(customer: Customer, link: PaymentLink, reference: str = "link:1") -> Message:
    return write(customer, reference, template="link", context={}, link=link)


def timeline(link: PaymentLink) -> list[tuple[str, str]]:
    return list(LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", "detail"))


def outcomes_of(message: Message) -> list[str]:
    return list(message.handovers.order_by("pk").values_list("outcome", flat=True))
