"""What a gateway is: the only door to somebody who takes money.

Adapters import no models and see no request. They are called outside transactions, after the row that says what is
about to be asked was committed. Amounts are integer minor units.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class GatewayError(Exception):
    """The gateway said no, and will say so again: the request itself is wrong."""


class GatewayUnknown(Exception):
    """No usable answer came: it may have happened or not. Ask, or repeat under the same idempotency key."""


class GatewayConflict(GatewayError):
    """The object is in another state than the request presumes."""


class InvalidSignature(Exception):
    """A webhook that the gateway did not sign, or signed too long ago."""


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """What the gateway says of one payment; ``status`` is one of Payment.Status's values.

    ``client_secret`` is for the payer's browser alone: it is neither stored nor logged.
    """

    reference: str
    status: str
    amount: int
    currency: str
    amount_received: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    method: str = ""
    card_brand: str = ""
    card_last4: str = ""
    failure_code: str = ""
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """What the gateway says of one refund; ``status`` is one of Refund.Status's values."""

    reference: str
    payment_reference: str
    status: str
    amount: int
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What we ask a gateway to collect; ``version`` goes into the object's metadata and comes back with it."""

    payment_reference: str
    version: int
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class EventNotice:
    """What a verified webhook said, as far as we keep it."""

    event_id: str
    type: str
    api_version: str
    object_reference: str
    happened_at: datetime | None


class Gateway(ABC):
    """One account at one gateway."""

    @abstractmethod
    def __init__(self, account: str) -> None:
        """Raises KeyError for an account that isn't configured."""

    @abstractmethod
    def create(self, request: PaymentRequest, *, idempotency_key: str) -> GatewayPayment:
        """Make the payment's object. Repeated under the same key, it must give the same object, never a second.

        Raises GatewayUnknown when no answer came, GatewayError when it was refused.
        """

    @abstractmethod
    def update(self, reference: str, request: PaymentRequest) -> GatewayPayment:
        """Ask for another amount on the same object. Raises GatewayConflict when it can no longer be changed."""

    @abstractmethod
    def retrieve(self, reference: str) -> GatewayPayment:
        """Fetch the truth."""

    @abstractmethod
    def cancel(self, reference: str) -> GatewayPayment:
        """Make sure that this object can't be paid any more.

        Returns what it is afterwards: canceled, or, when it was too late, succeeded or processing. Never raises
        GatewayConflict.
        """

    @abstractmethod
    def find(self, payment_reference: str, *, created_after: datetime) -> GatewayPayment | None:
        """The object that carries our reference, for a creating call whose answer never came."""

    @abstractmethod
    def refunds_of(self, reference: str) -> list[GatewayRefund]:
        """What of one payment was given back, whoever did it and however it went. Raises as ``retrieve`` does."""

    @abstractmethod
    def refunds_since(self, created_after: datetime) -> list[GatewayRefund]:
        """Every refund of the account since then: for those that no webhook told of."""

    @abstractmethod
    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> EventNotice:
        """Verify the signature on the raw body and tell what it says. Raises InvalidSignature; ValueError if garbled.

        Must not believe anything but that something happened to ``object_reference``.
        """

    @property
    @abstractmethod
    def publishable_key(self) -> str:
        """The key that the payer's browser uses."""
