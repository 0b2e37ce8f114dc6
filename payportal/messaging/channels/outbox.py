from typing import Protocol

from payportal.messaging.channels.base import Channel, Outgoing, Question


class Phone(Protocol):
    """The far side: something that shows a customer what was sent."""

    def put(self, message: Outgoing) -> None:
        """Show it; the same reference twice shows it once."""

    def holds(self, reference: str) -> bool:
        """Whether it is there."""


class Outbox(Channel):
    """A phone of our own making, for places where nothing may leave the house: the demo and the tests.

    Production doesn't have it: a shelf of messages would be a shelf of what they say.
    """

    code = "outbox"
    medium = "sms"
    reaches = "phone"

    def __init__(self, phone: Phone) -> None:
        self.phone = phone

    def send(self, message: Outgoing) -> str:
        self.phone.put(message)
        return message.reference

    def look_up(self, question: Question) -> str | None:
        return question.reference if self.phone.holds(question.reference) else None
