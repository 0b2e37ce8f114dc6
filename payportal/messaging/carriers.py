"""The accounts we have at carriers, looked at now and then: an alarm comes before sends fail."""

from datetime import datetime
from itertools import chain

import structlog
from django.conf import settings

from billing import alarms
from billing.models import Operator
from payportal.messaging import channels, policies
from payportal.messaging.channels.base import BadKeys, Credit, NoCredit
from payportal.messaging.models import ReminderRule

log = structlog.get_logger(__name__)

MICROS = 1_000_000


def check(now: datetime) -> int:
    """Ask each carrier in use about our account there; returns how many need a person. Closes no alarm."""
    return sum(_check(channel, account, now) for channel, account in sorted(in_use()))


def in_use() -> set[tuple[str, str]]:
    """Channel and account of everything that active operators send by."""
    found = set()
    reminding = dict[int, set[str]]()
    for operator_id, code in ReminderRule.objects.filter(is_active=True).values_list("operator_id", "channel"):
        reminding.setdefault(operator_id, set()).add(code)
    for operator in Operator.objects.filter(is_active=True).select_related("messaging_policy"):
        policy = policies.of(operator)
        for code in chain([operator.channel, policy.fallback_channel], reminding.get(operator.pk, ())):
            if code:
                found.add((code, policy.account))
    return found


def raise_alarm(channel: str, account: str, error: BadKeys | NoCredit, now: datetime) -> bool:
    """A carrier lets us send nothing: every message will fare like the one that it said so of."""
    kind = "bad_keys" if isinstance(error, BadKeys) else "low_credit"
    return _raise(kind, channel, account, str(error), now)


def _check(channel_code: str, account: str, now: datetime) -> bool:
    try:
        credit = channels.get(channel_code).credit(account)
    except BadKeys as error:
        _raise("bad_keys", channel_code, account, str(error), now)
        return True
    except KeyError:
        # No such channel, or no such account: nothing can be sent by it.
        _raise("bad_keys", channel_code, account, "no such channel or account here", now)
        return True
    except Exception as error:
        # No answer is no news: the next look is in a few minutes.
        log.warning("carrier_not_checked", channel=channel_code, account=account, error=type(error).__name__)
        return False
    if not _is_low(credit):
        return False
    _raise("low_credit", channel_code, account, f"{(credit.micros or 0) / MICROS:.2f} {credit.currency}", now)
    return True


def _is_low(credit: Credit) -> bool:
    least = settings.CARRIER_LOW_CREDITS.get(credit.currency, settings.CARRIER_LOW_CREDIT)
    return credit.micros is not None and credit.micros < least * MICROS


def _raise(kind: str, channel: str, account: str, detail: str, now: datetime) -> bool:
    log.error("carrier_alarm", alarm=kind, channel=channel, account=account)
    return alarms.raise_alarm(kind, f"{channel}:{account}", now, detail=detail, operator=_whose(channel, account))


def _whose(channel: str, account: str) -> Operator | None:
    """The operator that alone sends by this account; None when several do."""
    its_own = [
        operator
        for operator in Operator.objects.filter(is_active=True).select_related("messaging_policy")
        if policies.of(operator).account == account
        and channel in (operator.channel, policies.of(operator).fallback_channel)
    ]
    return its_own[0] if len(its_own) == 1 else None
