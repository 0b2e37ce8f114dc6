"""The short code in every message, by which a customer can ask us whether we sent it.

Nine characters of Crockford's alphabet, which has no letters that look like digits: 30 random bits and 15 bits of an
HMAC under a key outside the database. What we did not make is known as such without asking the database.
"""

import hashlib
import hmac
import secrets
from datetime import date
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from billing.models import Operator
from payportal.messaging.models import Handover

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_CHARACTERS = 6
MAC_CHARACTERS = 3
LENGTH = RANDOM_CHARACTERS + MAC_CHARACTERS
# What people write for what they read (https://www.crockford.com/base32.html), and what they put between groups.
_READ_AS = str.maketrans("OIL", "011", " -\u2010\u2011\u2012\u2013\u2014\u00a0.")
# Longer than any way of writing a code with its separators.
LONGEST_TEXT = 40

Outcome = Handover.Outcome


def new_code(operator: Operator) -> str:
    """A code for one message. Two may be the same: the database admits one for each operator."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return random + _mac(settings.SECRET_KEY, operator.code, random)


def shown(code: str) -> str:
    """As it stands in a message: ``K7M-42P-Q9X``."""
    return "-".join(code[at : at + 3] for at in range(0, len(code), 3))


def read(text: str, operator: Operator) -> str | None:
    """The code that somebody typed; None for whatever we didn't make for this operator. Asks no database."""
    code = text[:LONGEST_TEXT].upper().translate(_READ_AS)
    is_shaped = len(code) == LENGTH and all(character in ALPHABET for character in code)
    random, mac = code[:RANDOM_CHARACTERS], code[RANDOM_CHARACTERS:]
    # Every key is tried, whatever the shape: one code path for all that a stranger can make.
    matches = [
        constant_time_compare(mac.encode("utf-8", "surrogatepass"), _mac(key, operator.code, random))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    return code if any(matches) and is_shaped else None


def sent(operator: Operator, code: str) -> tuple[date, str] | None:
    """On which day, where the operator is, it went out and the last two digits of the number (empty: by mail).

    None for a code of no message, or of one that surely never left us. One query.
    """
    found = (
        Handover.objects.filter(message__operator_id=operator.pk, message__code=code)
        .exclude(message__code="")
        .exclude(outcome__in=[Outcome.NOT_SENT, Outcome.REFUSED])
        .order_by("-pk")
        .values_list("at", "last_digits")
        .first()
    )
    if found is None:
        return None
    at, digits = found
    return timezone.localtime(at, ZoneInfo(operator.time_zone)).date(), digits


def _mac(key: str, operator_code: str, random: str) -> str:
    derived = hashlib.sha256(b"payportal.messaging.codes\0" + key.encode()).digest()
    message = operator_code.encode() + b"\0" + random.encode("utf-8", "surrogatepass")
    bits = int.from_bytes(hmac.digest(derived, message, "sha256")[:2], "big") >> 1
    return "".join(ALPHABET[bits >> shift & 31] for shift in (10, 5, 0))
