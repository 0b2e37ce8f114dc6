"""The registry of gateways: an operator's code names one, its account one set of keys."""

from functools import lru_cache
from typing import TYPE_CHECKING

from billing.gateways.base import Gateway, GatewayError
from billing.gateways.stripe import StripeGateway

if TYPE_CHECKING:
    from billing.models import Payment

GATEWAYS: dict[str, type[Gateway]] = {"stripe": StripeGateway}


@lru_cache(maxsize=64)
def get(code: str, account: str) -> Gateway:
    """The gateway of that code with that account's keys. Raises KeyError for one that isn't configured."""
    return GATEWAYS[code](account)


def of(payment: "Payment") -> Gateway:
    """The gateway that a payment is made at. Raises GatewayError when its account has no keys (any more)."""
    try:
        return get(payment.gateway, payment.gateway_account)
    except KeyError:
        raise GatewayError("account not configured") from None
