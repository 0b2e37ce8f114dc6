"""What activation tells the floors above; billing.events delivers it in the same transaction."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ServiceActivated:
    """A service is on: bought (``order_item_id``) or restored."""

    activation_id: int
    payment_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ServiceDelayed:
    """A paid service could not be switched on; it is on a person's work list."""

    job_id: int
    payment_id: int | None
    at: datetime
