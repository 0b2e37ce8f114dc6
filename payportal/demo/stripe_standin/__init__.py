"""A stand-in for Stripe on one's own machine, for the demo and the tests; never for real money.

It speaks Stripe's HTTP form, so that the real SDK runs unpatched against it. It uses
neither our database nor our broker: an outage of ours is not one of Stripe's.
"""

from payportal.demo.stripe_standin.api import ApiKeys
from payportal.demo.stripe_standin.server import StandIn, WebhookEndpoint
from payportal.demo.stripe_standin.switches import Fault, Switches

__all__ = ["ApiKeys", "Fault", "StandIn", "Switches", "WebhookEndpoint"]
