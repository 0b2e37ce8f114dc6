"""How an operator wants to be heard: on which account, and on which second channel if any."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Q

from billing.models import Operator, PaymentLink
from payportal.messaging import channels
from payportal.messaging.models import Handover, Message, MessagingPolicy

ONE_TIME_CODE = "pin_code"


def of(operator: Operator) -> MessagingPolicy:
    """The operator's policy; the defaults where it has written none. No query where it was joined."""
    try:
        return operator.messaging_policy
    except MessagingPolicy.DoesNotExist:
        return MessagingPolicy(operator=operator)


def for_code(link: PaymentLink) -> str:
    """The channel of a one-time code: one that reaches the customer's phone, wherever there is any.

    The link may have come by e-mail, and whoever reads that mailbox must not get both. First the way that the link
    came, then the operator's channels, then SMS by whatever account the operator has; WhatsApp only where the operator
    speaks by it, since a code needs a template there that was approved.
    """
    operator = link.operator
    usual = link.via if link.via in channels.REGISTRY else operator.channel
    if not link.customer.phone:
        return usual
    policy = of(operator)
    ways = [link.via, operator.channel, policy.fallback_channel, *_sms_accounts(policy.account)]
    return next((code for code in ways if reaches_phone(code)), usual)


def reaches_phone(code: str) -> bool:
    """Whether what goes by this channel arrives on the customer's phone number."""
    return code in channels.REGISTRY and channels.get(code).reaches == "phone"


def _sms_accounts(account: str) -> Iterator[str]:
    """The channels by which this account of ours can send SMS."""
    for code, accounts in (("twilio_sms", settings.TWILIO_ACCOUNTS), ("exotel_sms", settings.EXOTEL_ACCOUNTS)):
        if account in accounts and accounts[account].sms_from:
            yield code


def second_channel(message: Message) -> str:
    """Where a message may go after the first channel failed for good; empty: nowhere.

    Not while anything on the first one may still have arrived, and there is no third: a message that was handed over
    elsewhere before has had its chance.
    """
    code = of(message.operator).fallback_channel
    if not code or code == message.channel or code not in channels.REGISTRY:
        return ""
    if message.template == ONE_TIME_CODE and not reaches_phone(code):
        # Whoever reads the mailbox may hold the link; and where it was to go, the page has said.
        return ""
    stands_in_the_way = ~Q(outcome__in=Handover.FAILED) | ~Q(channel=message.channel)
    return "" if message.handovers.filter(stands_in_the_way).exists() else code
