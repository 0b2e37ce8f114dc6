"""What a channel is: the only door to somebody who carries messages.

Adapters import no models and see no request. They are called outside transactions, after the row that says what is
about to be sent was committed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

Medium = Literal["sms", "whatsapp", "email"]


class NotSent(Exception):
    """It surely was not sent; trying again later may help. The text names no person and no address.

    ``retry_after`` is how many seconds the carrier asked us to wait (429 with Retry-After), if it did.
    """

    def __init__(self, text: str = "", retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class BadKeys(NotSent):
    """The carrier does not know us, or lets us send nothing: an alarm, for every message will fare like this one."""


class NoCredit(NotSent):
    """The account is empty: an alarm, for every message will fare like this one."""


class Refused(Exception):
    """It surely was not sent and never will be: the number or mailbox is wrong. The text names no person.

    ``mark`` says what is to be kept of the number: nothing, that it can't be reached on this medium (``unreachable``:
    no such number, not on WhatsApp), or that its owner wants nothing from us (``opted_out``).
    """

    def __init__(self, text: str = "", mark: Literal["", "unreachable", "opted_out"] = "") -> None:
        super().__init__(text)
        self.mark = mark


class SendUnknown(Exception):
    """No usable answer came: it may have arrived or not. Ask ``look_up`` before trying again."""


class CannotTell(Exception):
    """This channel has no way to ask what became of a message."""


class InvalidSignature(Exception):
    """What claims to come from the carrier does not prove it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready to go: ``address`` opens something, so it is in no log and on no disk of ours.

    ``reference`` belongs to one occasion; a channel that is given it twice shows the message once where it can.
    ``handover`` is our reference of this one sending, given to carriers that hand it back with their receipts.
    ``address_label`` is what a button for the address would say. Both are empty where there is nothing to open.
    ``code`` stands in the text and proves who sent it; a carrier without references can be asked for it.
    ``body`` holds the address already, where the template put it, but for channels that show a button (the outbox);
    ``text`` is what a channel without buttons sends.
    """

    reference: str
    to: str = field(repr=False)
    sender: str
    language: str
    subject: str
    body: str = field(repr=False)
    address: str = field(default="", repr=False)
    address_label: str = ""
    handover: str = ""
    account: str = "default"
    code: str = ""
    # Where the carrier may post receipts, without the handover; https in production.
    callback: str = ""
    # The carrier's own name of an approved template and the words for its places, in order (WhatsApp).
    carrier_template: str = ""
    parameters: tuple[str, ...] = field(default=(), repr=False)
    # A picture (JPEG): its bytes, and the address where a carrier that wants no bytes may fetch it.
    image: bytes = field(default=b"", repr=False)
    image_address: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """The body, and beneath it the address where the body does not hold it."""
        if not self.address or self.address in self.body:
            return self.body
        return "\n".join((self.body, self.address))


@dataclass(frozen=True, slots=True)
class Question:
    """A message of which we don't know what became: all by which a carrier could find it."""

    reference: str
    handover: str
    account: str
    to: str = field(repr=False)
    code: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a carrier says became of a message, by our ``handover`` or by its own ``channel_reference``, or both."""

    state: Literal["accepted", "delivered", "read", "undelivered"]
    handover: str = ""
    channel_reference: str = ""
    error: str = ""
    mark: Literal["", "unreachable", "opted_out"] = ""
    # Millionths of the currency, where the carrier tells.
    cost_micros: int | None = None
    cost_currency: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a customer wrote back, as far as we act on it; the words themselves are not kept."""

    sender: str = field(repr=False)
    wish: Literal["stop", "start", "other"]


@dataclass(frozen=True, slots=True)
class Credit:
    """What is left in our account at the carrier: millionths of the currency, or None where it tells nothing."""

    micros: int | None = None
    currency: str = ""


News = Receipt | Said


class Channel(ABC):
    """One way to a customer."""

    code: ClassVar[str]
    # Whose templates it uses, and of which number or mailbox it keeps opt-outs.
    medium: ClassVar[Medium]
    # Which of the customer's own addresses it needs.
    reaches: ClassVar[Literal["phone", "email"]]

    @abstractmethod
    def send(self, message: Outgoing) -> str:
        """Hand the message over and return the carrier's own reference for it (empty: there is none).

        Called once a claim, never inside a transaction. Raises NotSent (BadKeys, NoCredit), Refused or SendUnknown;
        anything else that escapes counts as SendUnknown. Must be over well within the lease of a claim (35 s).
        """

    @abstractmethod
    def look_up(self, question: Question) -> str | None:
        """What became of a message whose answer never came: the carrier's reference, or None: it never arrived there.

        Called before such a message would be sent again. Raises CannotTell where the carrier can't be asked (the
        operator's policy then decides), SendUnknown when the question had no answer either.
        """

    def receive(self, account: str, url: str, headers: Mapping[str, str], body: bytes) -> Sequence[News]:
        """What the carrier posted to us, once its signature over the raw body was found right.

        ``url`` is the whole address as the carrier called it. Raises InvalidSignature (also when we have no key:
        that fails closed) and ValueError for what can't be read; KeyError for an account that we don't have.
        """
        raise InvalidSignature

    def greeting(self, body: bytes) -> Mapping[str, str]:
        """What the answer to a post must say, as JSON, where a carrier makes sure that the address is ours.

        Called for what ``receive`` found right, and for nothing else. Empty: a carrier that wants to hear nothing.
        """
        return {}

    def credit(self, account: str) -> Credit:
        """What is left, asked now and then, so that an alarm comes before sends fail. Raises BadKeys, SendUnknown."""
        return Credit()

    def recall(self, account: str, since: datetime) -> Iterator[Sequence[Receipt]]:
        """What became of everything sent since then, by pages, where a carrier can be asked for all of it at once.

        Called now and then, for receipts that got lost on the way and costs that are told late; by the carrier's own
        references. Raises BadKeys, SendUnknown, KeyError.
        """
        return iter(())

    def recall_one(self, account: str, reference: str) -> Receipt | None:
        """What became of one message, by the carrier's own reference, where that is all that it can be asked.

        None: nothing that we know. Called for a few of those that ``recall`` would tell of, and raises as it does, or
        CannotTell.
        """
        raise CannotTell
