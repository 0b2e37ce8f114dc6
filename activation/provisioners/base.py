"""What a provisioner is: the only door to the operator's network.

Adapters import no models and see no request. They are called outside transactions by workers that hold a claimed job.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any


class ProvisionerRefused(Exception):
    """The network said no for good: trying again can't help, a person must look."""


class ProvisionerUnavailable(Exception):
    """The network surely did nothing (it answered so, or could not be reached): try again later."""


class ProvisionerUnknown(Exception):
    """No usable answer came: it may be on or not. Ask ``look_up`` before trying again."""


@dataclass(frozen=True, slots=True)
class ServiceOrder:
    """What is to be switched, in the network's words. Names no person.

    ``idempotency_key`` belongs to one order item (or one suspension): repeated, the network does it once. Every field
    is the same at every repetition; that is why a duration is told and not an end, which would move with each try.
    """

    idempotency_key: str
    action: str  # activate, restore, end
    service_code: str
    service_reference: str
    device_reference: str = ""
    duration_days: int | None = None

    def as_request(self) -> dict[str, Any]:
        """All of it but the key, as it is stored with the job before the call."""
        return {name: value for name, value in asdict(self).items() if name != "idempotency_key"}


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What the network says of one service order; not done means that it has taken the order and is at it."""

    is_done: bool
    network_reference: str = ""


class Provisioner(ABC):
    """One operator network."""

    code: str

    @abstractmethod
    def switch(self, order: ServiceOrder) -> ServiceState:
        """Do what is ordered. "Already on" is success.

        Must come back within a few seconds, and must never do the same key twice. Raises one of the three errors
        above, and no other.
        """

    @abstractmethod
    def look_up(self, idempotency_key: str) -> ServiceState | None:
        """What became of an order whose answer never came; None: the network has never heard of it.

        Called before every repetition. Changes nothing. Raises the same three errors; ProvisionerRefused when the
        network took the order and then failed at it for good.
        """
