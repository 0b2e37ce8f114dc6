"""PINs and one-time codes: what a customer knows or was just sent, by which a link's holder proves to be the customer.

Few digits fall quickly to whoever reads their hashes, so each is mixed with a key that is not in the database
(``PIN_KEYS``, HMAC-SHA-256) before it is hashed (argon2id, by OWASP's password storage sheet: 19 MiB of memory,
two passes). A try is counted in PostgreSQL before anything is hashed, per customer and per link, so that fifty at once
are no more than one after the other, and a flushed Valkey gives nobody a try.
"""

import hmac
import itertools
import secrets
from datetime import datetime, timedelta
from enum import Enum
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from billing import audit
from billing.models import AccountPin, Customer, OneTimeCode, PaymentLink, PinTries

PIN_DIGITS = range(4, 9)
CODE_DIGITS = 6
CODE_LIFETIME = timedelta(minutes=10)
# Wrong tries in a row before the first pause: of one link, and of a customer over all of theirs. The pause doubles with
# every further one.
FREE_TRIES = {"link": 3, "customer": 8}
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=24)
# Each hash takes 19 MiB and a core: a flood must not take the pages down with it.
HASHES_AT_ONCE = 2
HASH_WAIT_SECONDS = 5.0

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_room = BoundedSemaphore(HASHES_AT_ONCE)


class Checked(Enum):
    """How a try ended. Whoever tried is told no more than this, and not how many tries are left."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"


class NotAPin(ValueError):
    """A PIN is four to eight digits, and none that everybody tries first: 1111, 1212, 1234, 8642."""


class Busy(Exception):
    """Too many are being checked at this moment; the try was counted."""


def set_pin(customer: Customer, pin: str, *, actor: str, now: datetime) -> None:
    """Give a customer a PIN in place of any other, and forgive wrong tries on all their links. Raises NotAPin."""
    if not (pin.isascii() and pin.isdecimal() and len(pin) in PIN_DIGITS) or _is_obvious(pin):
        raise NotAPin
    number, digest = _hash(_of_customer(customer.pk), pin)
    with transaction.atomic():
        AccountPin.objects.update_or_create(
            customer=customer, defaults={"digest": digest, "key_number": number, "set_at": now}
        )
        PinTries.objects.filter(customer=customer).update(tries=0, locked_until=None, changed_at=now)
        _end_proofs(customer, now)
        _record("set-pin", customer, actor, now)


def _end_proofs(customer: Customer, now: datetime) -> None:
    """Whoever proved by another PIN proves again: it may be another's for a reason."""
    customer.proofs_from = now
    customer.save(update_fields=["proofs_from"])


def _is_obvious(pin: str) -> bool:
    """Whether it goes on by equal steps, or is a pair again and again."""
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    return len(steps) == 1 or pin == (pin[:2] * len(pin))[: len(pin)]


def remove_pin(customer: Customer, *, actor: str, now: datetime) -> bool:
    """Take a customer's PIN away; False when there was none."""
    with transaction.atomic():
        removed, _ = AccountPin.objects.filter(customer=customer).delete()
        if removed:
            _end_proofs(customer, now)
            _record("remove-pin", customer, actor, now)
    return bool(removed)


def make_code(link: PaymentLink, now: datetime) -> str:
    """A new one-time code for this link, ending any earlier one; shown once, here, and kept as a hash.

    Made at the moment of sending, like an address: no message row holds it.
    """
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    number, digest = _hash(_of_link(link.pk), code)
    with transaction.atomic():
        # Two at once: the row lock makes one come after the other, and the later one ends the earlier.
        PaymentLink.objects.select_for_update(of=("self",), no_key=True).get(pk=link.pk)
        OneTimeCode.objects.filter(link=link, used_at__isnull=True, replaced_at__isnull=True).update(replaced_at=now)
        OneTimeCode.objects.create(
            link=link, digest=digest, key_number=number, created_at=now, expires_at=now + CODE_LIFETIME
        )
    return code


def check(link: PaymentLink, digits: str, now: datetime) -> Checked:
    """Try a PIN or a one-time code for a link; a code that was right is used up. Raises Busy.

    Wrong tries on other links lock the PIN only: who guesses on one link must not keep a customer, who is just holding
    the code that was sent to them, out of another.
    """
    free = _count(link, now)
    if "link" not in free:
        return Checked.LOCKED
    code = OneTimeCode.objects.filter(
        link=link, used_at__isnull=True, replaced_at__isnull=True, expires_at__gt=now
    ).first()
    pin = AccountPin.objects.filter(customer_id=link.customer_id).first()
    # Both are hashed, there or not: how long an answer takes doesn't say what there is.
    is_code = _is(code, _of_link(link.pk), digits)
    is_pin = _is(pin, _of_customer(link.customer_id), digits) and "customer" in free
    if is_code and code is not None:
        # Two at once with the same code: one of them used it.
        is_code = bool(OneTimeCode.objects.filter(pk=code.pk, used_at__isnull=True).update(used_at=now))
    if not (is_pin or is_code):
        return Checked.WRONG if "customer" in free else Checked.LOCKED
    with transaction.atomic():
        _forgive(link.customer_id, link.pk, now)
    return Checked.RIGHT


def _count(link: PaymentLink, now: datetime) -> set[str]:
    """Count one more try for customer and link, and say which of them were not locked; a locked link counts nothing."""
    PinTries.objects.bulk_create(
        [
            PinTries(customer_id=link.customer_id, link=None, changed_at=now),
            PinTries(customer_id=link.customer_id, link=link, changed_at=now),
        ],
        ignore_conflicts=True,
    )
    counted = set()
    with transaction.atomic():
        # Always in this order: two tries can't wait for each other.
        for rows, scope in (
            (PinTries.objects.filter(customer_id=link.customer_id, link=None), "customer"),
            (PinTries.objects.filter(customer_id=link.customer_id, link=link), "link"),
        ):
            free = Q(locked_until__isnull=True) | Q(locked_until__lte=now)
            if not rows.filter(free).update(tries=F("tries") + 1, changed_at=now):
                continue
            counted.add(scope)
            # The row is ours until the end of this transaction.
            pause = _pause(rows.values_list("tries", flat=True).get(), FREE_TRIES[scope])
            if pause:
                rows.update(locked_until=now + pause)
        transaction.set_rollback("link" not in counted)
    return counted


def _pause(tries: int, free: int) -> timedelta:
    """How long nothing more is tried after this many wrong ones in a row."""
    if tries < free:
        return timedelta(0)
    pause: timedelta = FIRST_PAUSE * 2 ** min(tries - free, 20)
    return min(pause, LONGEST_PAUSE)


def _forgive(customer_id: int, link_id: int, now: datetime) -> None:
    """The customer has shown to be the one: what was tried before on this link, and over all, is forgotten."""
    for rows in (
        PinTries.objects.filter(customer_id=customer_id, link=None),
        PinTries.objects.filter(customer_id=customer_id, link_id=link_id),
    ):
        rows.update(tries=0, locked_until=None, changed_at=now)


def _of_customer(customer_id: int) -> bytes:
    return f"pin\0{customer_id}\0".encode()


def _of_link(link_id: int) -> bytes:
    return f"code\0{link_id}\0".encode()


def _mixed(number: int, owner: bytes, digits: str) -> bytes:
    """Bound to its owner, so that a digest copied to another row proves nothing there."""
    return hmac.digest(settings.PIN_KEYS[number], owner + digits.encode("utf-8", "surrogatepass"), "sha256")


def _hash(owner: bytes, digits: str) -> tuple[int, str]:
    number = max(settings.PIN_KEYS)
    with _Room():
        return number, _hasher.hash(_mixed(number, owner, digits))


def _is(kept: AccountPin | OneTimeCode | None, owner: bytes, digits: str) -> bool:
    """Whether these are the digits; takes as long when nothing is kept, or its key was taken away."""
    number = kept.key_number if kept and kept.key_number in settings.PIN_KEYS else max(settings.PIN_KEYS)
    with _Room():
        if kept is None:
            _hasher.hash(_mixed(number, owner, digits))
            return False
        try:
            return _hasher.verify(kept.digest, _mixed(number, owner, digits))
        except (VerificationError, InvalidHashError):
            return False


class _Room:
    """One of the few places where hashing goes on."""

    def __enter__(self) -> None:
        if not _room.acquire(timeout=HASH_WAIT_SECONDS):
            raise Busy

    def __exit__(self, *_: object) -> None:
        _room.release()


def _record(verb: str, customer: Customer, actor: str, now: datetime) -> None:
    audit.record(
        actor=actor, verb=verb, subject_reference=f"customer:{customer.pk}", now=now, operator=customer.operator
    )
