"""Payment links: made whenever they are needed, never stored, and refused before any query when they are not ours.

``/p/<selector>/<rest>``: the selector is 8 random bytes; ``rest`` is the expiry (4 bytes, seconds since 1970) and the
first 16 bytes of an HMAC-SHA-256 over purpose, operator, selector and expiry: 38 URL-safe characters in all. The row
holds selector and expiry, the key is in the environment: whoever reads the database alone can't make an address.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.utils.crypto import constant_time_compare

from billing import audit
from billing.lib import references
from billing.models import AuditEntry, Customer, LinkEvent, Operator, Payment, PaymentLink

MAC_BYTES = 16
SELECTOR_BYTES = 8
EXPIRY_BYTES = 4
# Whoever opened a link is known again for so long after its end: known, and no more.
AGAIN_FOR = timedelta(days=30)
# The address itself is good for asking for so long: messages lie about for months, but not for ever.
ADDRESS_AGAIN_FOR = timedelta(days=365)
# Of two askings at once the second gets what the first one made.
FRESH_FOR = timedelta(minutes=1)
# However often somebody asks, and whatever became of the counters in Valkey.
RENEWALS_A_DAY = 8


class LinkUnusable(Exception):
    """Unknown, forged, expired, revoked or another operator's: a stranger can't tell which."""


class LinkForged(LinkUnusable):
    """Never made here: by whom it was tried may be counted."""


def create(
    *, customer: Customer, currency: str, actor: str, now: datetime, lifetime: timedelta | None = None
) -> PaymentLink:
    """Make a link to all of a customer's open bills in one currency."""
    return create_many([(customer, currency)], actor=actor, now=now, lifetime=lifetime)[0]


def create_many(
    wanted: Sequence[tuple[Customer, str]], *, actor: str, now: datetime, lifetime: timedelta | None = None
) -> list[PaymentLink]:
    """Make a link for each of these customers and currencies, in their order: three statements, however many.

    Each has its entry in the timeline and in the audit trail. All lie in memory: a few thousand at a time.
    """
    with transaction.atomic():
        made = PaymentLink.objects.bulk_create(
            [_new(customer, currency, actor, now, lifetime) for customer, currency in wanted]
        )
        LinkEvent.objects.bulk_create([LinkEvent(link=link, kind="made", at=now, actor=actor) for link in made])
        audit.record_all(
            AuditEntry(
                actor=actor,
                verb="make-link",
                subject_reference=f"link:{link.pk}",
                at=now,
                operator_id=link.operator_id,
            )
            for link in made
        )
    return made


def _new(customer: Customer, currency: str, actor: str, now: datetime, lifetime: timedelta | None) -> PaymentLink:
    """A link that is written nowhere yet."""
    lifetime = lifetime or timedelta(minutes=customer.operator.link_lifetime_minutes)
    return PaymentLink(
        operator=customer.operator,
        customer=customer,
        currency=currency,
        selector=references.encode(secrets.token_bytes(SELECTOR_BYTES)),
        created_at=now,
        created_by=actor,
        # Whole seconds: the address carries them, and row and address must say the same.
        expires_at=(now + lifetime).replace(microsecond=0),
    )


def path(link: PaymentLink) -> str:
    """The address below the operator's origin. A secret: never logged, never stored."""
    return f"/p/{link.selector}/{rest(link)}"


def url(link: PaymentLink) -> str:
    """The whole address. A secret: never logged, never stored."""
    return origin(link.operator) + path(link)


def origin(operator: Operator) -> str:
    """Scheme, host and port where the operator's pages are."""
    host = settings.PUBLIC_HOST if operator.is_default and settings.PUBLIC_HOST else operator.host
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{settings.PUBLIC_SCHEME}://{host}{port}"


def rest(link: PaymentLink) -> str:
    """Expiry and code: the second part of the address, and what the link's cookie holds."""
    expiry = int(link.expires_at.timestamp()).to_bytes(EXPIRY_BYTES, "big")
    return references.encode(expiry + code_of(settings.SECRET_KEY, link.operator.code, link.selector, expiry))


cookie_value = rest


def again_value(link: PaymentLink) -> str:
    """What the second cookie holds: it opens nothing, and says whose link it was when that has ended."""
    expiry = int(link.expires_at.timestamp()).to_bytes(EXPIRY_BYTES, "big")
    return references.encode(
        expiry + code_of(settings.SECRET_KEY, link.operator.code, link.selector, expiry, purpose="again")
    )


def resolve(operator: Operator, selector: str, rest: str, now: datetime) -> PaymentLink:
    """The link behind an address. Raises LinkUnusable; anything that was not made here and now, before any query."""
    expires_at = _expiry_of(operator, selector, rest, "link")
    if expires_at is None:
        raise LinkForged
    link = _made(operator, selector, expires_at) if expires_at > now else None
    if link is None or link.revoked_at:
        raise LinkUnusable
    return link


by_cookie = resolve


def holder(operator: Operator, selector: str, rest: str, again: str, now: datetime) -> PaymentLink | None:
    """The link that somebody had, though it may have ended: by its address or by the cookie that outlives it.

    It is good for sending a fresh link to the number on file and for nothing else. None without a query for all that
    was not made here.
    """
    ended = _expiry_of(operator, selector, rest, "link")
    if ended and ended + ADDRESS_AGAIN_FOR <= now:
        ended = None
    remembered = _expiry_of(operator, selector, again, "again")
    if remembered and remembered + AGAIN_FOR <= now:
        remembered = None
    expires_at = ended or remembered
    return _made(operator, selector, expires_at) if expires_at else None


def _expiry_of(operator: Operator, selector: str, text: str, purpose: str) -> datetime | None:
    """When what was made here for this selector ends or ended; None for anything else. No query."""
    try:
        raw = references.decode(text)
        is_shaped = len(references.decode(selector)) == SELECTOR_BYTES and len(raw) == EXPIRY_BYTES + MAC_BYTES
    except ValueError:
        is_shaped, raw = False, b"\0" * (EXPIRY_BYTES + MAC_BYTES)
    expiry, mac = raw[:EXPIRY_BYTES].ljust(EXPIRY_BYTES, b"\0"), raw[EXPIRY_BYTES:]
    # Every key is tried, whatever the shape: one code path for all that a stranger can make.
    matches = [
        constant_time_compare(mac, code_of(key, operator.code, selector, expiry, purpose=purpose))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    expires_at = datetime.fromtimestamp(int.from_bytes(expiry, "big"), UTC)
    return expires_at if any(matches) and is_shaped else None


def _made(operator: Operator, selector: str, expires_at: datetime) -> PaymentLink | None:
    """The row, in one query."""
    link = (
        PaymentLink.objects.select_related("customer")
        .filter(operator_id=operator.pk, selector=selector, expires_at=expires_at)
        .first()
    )
    if link:
        link.operator = operator
    return link


def mark_opened(link: PaymentLink, now: datetime, *, device: str = "", app: str = "") -> bool:
    """Keep that a person opened it: when first, and on the timeline each class of device and each app once.

    A mail scanner dressed up as a browser comes before the person, whose phone is told of all the same. False when the
    timeline said so already. One statement: the page counts its queries. Of several that are the first at once one is
    kept; of two further ones of a kind at the same moment both may be.
    """
    rows, events = PaymentLink._meta.db_table, LinkEvent._meta.db_table
    kinds, details = (["opened", "in_app"], [device, app]) if app else (["opened"], [device])
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH marked AS (UPDATE {rows} SET opened_at = %s WHERE id = %s AND opened_at IS NULL RETURNING id) "  # noqa: S608
            f"INSERT INTO {events} (link_id, kind, at, detail, actor) SELECT %s, new.kind, %s, new.detail, '' "
            "FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS new(kind, detail, place) "
            "WHERE (%s OR EXISTS (SELECT FROM marked)) AND NOT EXISTS (SELECT FROM "
            f"{events} told WHERE told.link_id = %s AND told.kind = new.kind AND told.detail = new.detail) "
            "ORDER BY new.place",
            [now, link.pk, link.pk, now, kinds, details, link.opened_at is not None, link.pk],
        )
        return bool(cursor.rowcount > 0)


def mark_previewed(link: PaymentLink, now: datetime) -> bool:
    """Keep that a robot looked at it, which opens nothing; False when one is known to have looked. One statement."""
    rows, events = PaymentLink._meta.db_table, LinkEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH marked AS (UPDATE {rows} SET previewed_at = %s WHERE id = %s AND previewed_at IS NULL RETURNING id) "  # noqa: S608
            f"INSERT INTO {events} (link_id, kind, at, detail, actor) "
            "SELECT id, 'previewed', %s, 'robot', '' FROM marked",
            [now, link.pk, now],
        )
        return bool(cursor.rowcount > 0)


def revoke(link: PaymentLink, *, actor: str, now: datetime) -> bool:
    """Withdraw a link: from now on it opens nothing. False when it was withdrawn before."""
    with transaction.atomic():
        changed = PaymentLink.objects.filter(pk=link.pk, revoked_at__isnull=True).update(revoked_at=now)
        if changed:
            note(link, "revoked", now, actor=actor)
            audit.record(
                actor=actor, verb="revoke-link", subject_reference=f"link:{link.pk}", now=now, operator=link.operator
            )
    return bool(changed)


def renew(old: PaymentLink, *, actor: str, now: datetime) -> PaymentLink | None:
    """A fresh link in the old one's place, which ends: nothing is begun on it any more, what was begun there settles.

    Of two at once the second gets the first one's link. None when nothing may be made: the operator has closed, there
    is nowhere to send it to, or the customer has had ``RENEWALS_A_DAY`` within a day.
    """
    customer = old.customer
    if not old.operator.is_active or not (customer.phone or customer.email):
        return None
    with transaction.atomic():
        # One at a time of a customer's, for the day's count holds over all their links.
        Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        # Before any payment is begun on it, or after: that takes the same lock.
        PaymentLink.objects.select_for_update(of=("self",), no_key=True).get(pk=old.pk)
        newest = PaymentLink.objects.filter(renews=old).select_related("customer", "operator").order_by("-pk").first()
        if newest and newest.revoked_at is None and newest.created_at > now - FRESH_FOR:
            return newest
        today = PaymentLink.objects.filter(customer=customer, renews__isnull=False, created_at__gt=now - timedelta(1))
        if today.count() >= RENEWALS_A_DAY:
            return None
        for ended in _live(old):
            PaymentLink.objects.filter(pk=ended.pk).update(revoked_at=now)
            note(ended, "renewed", now, actor=actor)
        fresh = create(customer=customer, currency=old.currency, actor=actor, now=now)
        fresh.renews, fresh.via = old, old.via
        fresh.save(update_fields=["renews", "via"])
        note(fresh, "renewal", now, actor=actor)
    return fresh


def _live(old: PaymentLink) -> list[PaymentLink]:
    """The link and those that took its place before, as far as they were not ended yet, by key: locks in one order."""
    chain, found = {old.pk}, {old.pk}
    while found:
        found = set(PaymentLink.objects.filter(renews__in=found).values_list("pk", flat=True)) - chain
        chain |= found
    return list(PaymentLink.objects.filter(pk__in=chain, revoked_at__isnull=True).order_by("pk"))


def note(
    link: PaymentLink | int,
    kind: str,
    at: datetime,
    payment: Payment | int | None = None,
    *,
    detail: str = "",
    actor: str = "",
) -> None:
    """Add to the link's timeline in the transaction of the change; a payment's newest id is its page's version.

    ``detail`` is a code (a device class, a reason): never a person, a number or an address.
    """
    LinkEvent.objects.create(
        link_id=link if isinstance(link, int) else link.pk,
        payment_id=payment.pk if isinstance(payment, Payment) else payment,
        kind=kind,
        at=at,
        detail=detail,
        actor=actor,
    )


def note_change(link: PaymentLink, kind: str, at: datetime, *, detail: str = "") -> bool:
    """Add to the timeline unless that is what it says last: who loads a page ten times makes one entry of it."""
    events = LinkEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {events} (link_id, kind, at, detail, actor) SELECT %s, %s, %s, %s, '' WHERE "  # noqa: S608
            f"(SELECT kind || detail FROM {events} WHERE link_id = %s ORDER BY id DESC LIMIT 1) IS DISTINCT FROM %s",
            [link.pk, kind, at, detail, link.pk, kind + detail],
        )
        return bool(cursor.rowcount > 0)


def note_once(link: PaymentLink, kind: str, at: datetime, payment: Payment | None, *, detail: str = "") -> bool:
    """Add to the timeline what is there once for a link and a payment; False when it is there already."""
    with transaction.atomic():
        # Of two at once the second waits here, and then sees the first one's entry.
        PaymentLink.objects.select_for_update(of=("self",), no_key=True).get(pk=link.pk)
        if LinkEvent.objects.filter(link=link, kind=kind, payment=payment).exists():
            return False
        note(link, kind, at, payment, detail=detail)
    return True


def status_token(payment: Payment) -> str:
    """Opens the status of this one payment and nothing else: banks return to other browsers."""
    return payment.reference + references.encode(
        code_of(settings.SECRET_KEY, payment.operator.code, payment.reference, b"", purpose="status")
    )


def payment_by_status_token(operator: Operator, token: str) -> Payment:
    """The payment of a status token, in one query. Raises LinkUnusable, before any query where it is not ours.

    It carries ``newest_event_id``, which is the version of what its page shows.
    """
    reference, code = token[:22], token[22:]
    wanted = (
        references.encode(code_of(key, operator.code, reference, b"", purpose="status"))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
    if not any(constant_time_compare(code, each) for each in wanted):
        raise LinkUnusable
    newest = LinkEvent.objects.filter(payment=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    payment = (
        Payment.objects.annotate(newest_event_id=Subquery(newest))
        .filter(operator_id=operator.pk, reference=reference)
        .first()
    )
    if payment is None:
        raise LinkUnusable
    payment.operator = operator
    return payment


def code_of(key: str, operator_code: str, selector: str, expiry: bytes, *, purpose: str = "link") -> bytes:
    """The first 128 bits of the code over all of this; a purpose's code is good for no other."""
    message = b"\0".join(_parts(purpose, operator_code, selector)) + b"\0" + expiry
    derived = hashlib.sha256(b"payportal.links\0" + key.encode()).digest()
    return hmac.digest(derived, message, "sha256")[:MAC_BYTES]


def _parts(*texts: str) -> Iterator[bytes]:
    return (text.encode("utf-8", "surrogatepass") for text in texts)
