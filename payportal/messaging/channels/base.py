"""What a channel is: the only door to somebody who carries messages.

Adapters import no models and see no request. They are called outside transactions, after the row that says what is
about to be sent was committed.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal


class NotSent(Exception):
    """It surely was not sent; trying again later may help. The text names no person and no address."""


class Refused(Exception):
    """It surely was not sent and never will be: the number or mailbox is wrong. The text names no person."""


class SendUnknown(Exception):
    """No usable answer came: it may have arrived or not. Ask ``look_up`` before trying again."""


class CannotTell(Exception):
    """This channel has no way to ask what became of a message."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready to go: ``address`` opens something, so it is in no log and on no disk of ours.

    ``reference`` belongs to one occasion; a channel that is given it twice shows the message once where it can.
    ``address_label`` is what a button for the address would say. Both are empty where there is nothing to open.
    """

    reference: str
    to: str = field(repr=False)
    sender: str
    language: str
    subject: str
    body: str = field(repr=False)
    address: str = field(default="", repr=False)
    address_label: str = ""


class Channel(ABC):
    """One way to a customer."""

    code: ClassVar[str]
    # Which of the customer's own addresses it needs.
    reaches: ClassVar[Literal["phone", "email"]]

    @abstractmethod
    def send(self, message: Outgoing) -> str:
        """Hand the message over and return the carrier's own reference for it (empty: there is none).

        Called once a claim, never inside a transaction. Raises NotSent, Refused or SendUnknown; anything else that
        escapes counts as SendUnknown. Must be over well within the lease of a claim (60 s).
        """

    @abstractmethod
    def look_up(self, reference: str) -> str | None:
        """What became of a message whose answer never came: the carrier's reference, or None: it never arrived there.

        Called before such a message would be sent again. Raises CannotTell where the carrier can't be asked (the
        message is then not sent again), SendUnknown when the question had no answer either.
        """
