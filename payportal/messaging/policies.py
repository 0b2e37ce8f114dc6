"""How an operator wants to be heard: on which account, and on which second channel if any."""

from django.db.models import Q

from billing.models import Operator
from payportal.messaging import channels
from payportal.messaging.models import Handover, Message, MessagingPolicy


def of(operator: Operator) -> MessagingPolicy:
    """The operator's policy; the defaults where it has written none. No query where it was joined."""
    try:
        return operator.messaging_policy
    except MessagingPolicy.DoesNotExist:
        return MessagingPolicy(operator=operator)


def second_channel(message: Message) -> str:
    """Where a message may go after the first channel failed for good; empty: nowhere.

    Not while anything on the first one may still have arrived, and there is no third: a message that was handed over
    elsewhere before has had its chance.
    """
    code = of(message.operator).fallback_channel
    if not code or code == message.channel or code not in channels.REGISTRY:
        return ""
    stands_in_the_way = ~Q(outcome__in=Handover.FAILED) | ~Q(channel=message.channel)
    return "" if message.handovers.filter(stands_in_the_way).exists() else code
