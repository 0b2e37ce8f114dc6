"""What the status page shows of one payment, and nothing else of its customer.

Its version is the newest entry of the payment's timeline, and a letter for what changes by the clock alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from activation import progress
from activation.progress import Progress, Thing
from billing import receipts
from billing.lib.money import format_money
from billing.lib.names import in_language
from billing.models import Operator, Payment
from payportal.pages import changes, wording

# After this long we say that it takes longer than usual.
SLOW_AFTER = timedelta(seconds=30)
# After this long a payment that nobody has confirmed was left by its payer: if the gateway said so after that time, and
# not longer ago than it takes to ask once more. No answer is no "nothing was taken".
LEFT_AFTER = timedelta(seconds=90)
HEARD_WITHIN = timedelta(seconds=90)
# Until then a refusal is watched: the next attempt may have begun on another page.
WATCHED_FOR = timedelta(seconds=30)

PAYING, SLOW, LEFT, DECLINED, CANCELED, SWITCHING, DELAYED, ON = (
    "paying",
    "slow",
    "left",
    "declined",
    "canceled",
    "switching",
    "delayed",
    "on",
)
REFUNDED = "refunded"
# In milliseconds. Networks answer within a second or so, and "nothing new" costs one query.
POLL = {PAYING: 1000, SWITCHING: 500, DECLINED: 2000, SLOW: 5000, LEFT: 5000, DELAYED: 10_000}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of what has happened: ``marker`` is done, now, next or fail."""

    marker: str
    fact: str
    detail: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """Everything the status template needs. ``look`` moves the switch: wait, on or nothing.

    ``poll_ms`` is how often it asks for news; 0 where there will be none.
    """

    state: str
    version: str
    poll_ms: int
    look: str
    heading: str
    lead: str
    small: str = ""
    facts: Sequence[tuple[str, str]] = ()
    steps: Sequence[Step] = ()
    receipt: str = ""

    @property
    def is_final(self) -> bool:
        return not self.poll_ms

    @property
    def is_unpaid(self) -> bool:
        """Whether there is nothing to wait for and something to pay."""
        return self.state in (DECLINED, CANCELED, LEFT)


def version(payment: Payment, now: datetime) -> str:
    """What the page's version is now: from the payment alone, without a query."""
    return f"{getattr(payment, 'newest_event_id', None) or 0}{_by_the_clock(payment, now)[:1]}"


def build(payment: Payment, operator: Operator, language: str, now: datetime) -> StatusPage:
    """The page's content, as it is for every browser."""
    if payment.status == Payment.Status.SUCCEEDED:
        return _paid(payment, operator, language, now)
    amount = format_money(payment.amount, payment.currency, language)
    seen = version(payment, now)
    if payment.status == Payment.Status.FAILED:
        return StatusPage(
            state=DECLINED,
            version=seen,
            poll_ms=0 if _by_the_clock(payment, now) else POLL[DECLINED],
            look="",
            heading=_("Your bank said no"),
            lead=_("Nothing was taken from your account."),
            small=_("Banks don’t tell us why. Another way to pay usually works, or a word with your bank.")
            if payment.method in wording.DEBITS
            else _("Banks don’t tell us why. Another card usually works, or try again after a word with your bank."),
            facts=_refused(payment, amount),
        )
    if payment.status == Payment.Status.CANCELED:
        return StatusPage(
            state=CANCELED,
            version=seen,
            poll_ms=0,
            look="",
            heading=_("This payment was stopped"),
            lead=_("Nothing was taken from your account."),
        )
    return _under_way(payment, seen, amount, now)


def _under_way(payment: Payment, seen: str, amount: str, now: datetime) -> StatusPage:
    state = _by_the_clock(payment, now) or PAYING
    if state == LEFT:
        return StatusPage(
            state=LEFT,
            version=seen,
            poll_ms=POLL[LEFT],
            look="",
            heading=_("Not paid yet"),
            lead=_("Nothing was taken from your account."),
        )
    if payment.status == Payment.Status.PROCESSING and payment.method in wording.DEBITS:
        return _debit(seen, amount)
    is_slow = state == SLOW
    return StatusPage(
        state=state,
        version=seen,
        poll_ms=POLL[state],
        look="wait",
        heading=_("Paying %(sum)s") % {"sum": amount},
        lead=_("It takes longer than usual.") if is_slow else _("This takes a few seconds."),
        small=_("You can close this page; we’ll send you word.")
        if is_slow
        else _("You can close this page. We’ll send you the receipt."),
    )


def _debit(seen: str, amount: str) -> StatusPage:
    """The bank has the order: nobody should sit and wait for what takes days."""
    return StatusPage(
        state=SLOW,
        version=seen,
        poll_ms=POLL[SLOW],
        look="wait",
        heading=_("Paying %(sum)s") % {"sum": amount},
        lead=_("Your bank has been asked. A bank debit takes some days."),
        small=_("You can close this page. The receipt comes when it is paid; you don’t have to pay again."),
    )


def _refused(payment: Payment, amount: str) -> list[tuple[str, str]]:
    facts = [(_("Still to pay"), amount)]
    how = wording.method(payment.method, payment.card_last4)
    return [*facts, (_("Refused"), how)] if how else facts


def _by_the_clock(payment: Payment, now: datetime) -> str:
    age = now - payment.touched_at
    if payment.status == Payment.Status.PROCESSING:
        return SLOW if age > SLOW_AFTER else ""
    if payment.status == Payment.Status.CREATED:
        return LEFT if _is_left(payment, now) else SLOW if age > LEFT_AFTER else ""
    if payment.status == Payment.Status.FAILED:
        return DECLINED if age > WATCHED_FOR else ""
    return ""


def _is_left(payment: Payment, now: datetime) -> bool:
    heard = payment.answered_at
    return heard is not None and heard - payment.touched_at > LEFT_AFTER and now - heard < HEARD_WITHIN


def _paid(payment: Payment, operator: Operator, language: str, now: datetime) -> StatusPage:
    if payment.amount_refunded >= payment.amount_received > 0:
        return _given_back(payment, operator, language, now)
    done = progress.of_payment(payment)
    state = ON if done.is_all_on else DELAYED if done.is_any_delayed else SWITCHING
    heading, lead = _paid_words(state, done, language)
    return StatusPage(
        state=state,
        version=version(payment, now),
        poll_ms=POLL.get(state, 0),
        look="on" if state == ON else "wait",
        heading=heading,
        lead=lead,
        small=_("We’ll send you the receipt, too."),
        steps=_steps(payment, done, operator, language, now),
        receipt=f"/r/{receipts.token(payment)}",
    )


def _given_back(payment: Payment, operator: Operator, language: str, now: datetime) -> StatusPage:
    """All of it was refunded: that is what matters now, whatever it had paid for."""
    return StatusPage(
        state=REFUNDED,
        version=version(payment, now),
        poll_ms=0,
        look="",
        heading=_("Refunded"),
        lead=changes.refund_fact(payment, language),
        small=_("It goes back the way it was paid; that can take your bank ten working days."),
        steps=[_paid_step(payment, operator, language), *_refund_step(payment, operator, language)],
        receipt=f"/r/{receipts.token(payment)}",
    )


def _paid_words(state: str, done: Progress, language: str) -> tuple[str, str]:
    thanks = _("Paid. Thank you!")
    if not done.things:
        return thanks, _("Nothing else to do.")
    if state == ON:
        return _about(done, language, _("Your TV is on"), _("%(name)s is on"), _("Everything is on")), _("Thank you!")
    if state == DELAYED:
        slow = [thing for thing in done.things if thing.state == progress.DELAYED]
        lead = _about(
            Progress(tuple(slow)),
            language,
            _("The TV is slow to start; we’re on it, and you don’t have to call."),
            _("%(name)s is slow to start; we’re on it, and you don’t have to call."),
            _("Switching on is slow; we’re on it, and you don’t have to call."),
        )
        return thanks, lead
    lead = _about(
        done, language, _("Your TV is switching on…"), _("%(name)s is switching on…"), _("Everything is switching on…")
    )
    return thanks, lead


def _about(done: Progress, language: str, tv: str, one: str, several: str) -> str:
    """The sentence that fits: about the television, about one thing by its name, or about all."""
    if len(done.things) > 1:
        return several
    thing = done.things[0]
    return tv if _is_tv(thing) else one % {"name": in_language(thing.names, language)}


def _is_tv(thing: Thing) -> bool:
    return thing.icon == "tv"


def _steps(payment: Payment, done: Progress, operator: Operator, language: str, now: datetime) -> list[Step]:
    steps = [_paid_step(payment, operator, language)]
    # What came back before what is new.
    for thing in sorted(done.things, key=lambda thing: thing.kind != progress.RESTORED):
        steps.append(_switched(thing, operator, language))
        if thing.state == progress.ON and thing.until:
            steps.append(_until(thing, operator, language, now))
    return [*steps, *_refund_step(payment, operator, language)]


def _paid_step(payment: Payment, operator: Operator, language: str) -> Step:
    amount = format_money(payment.amount_received, payment.currency_received or payment.currency, language)
    how = wording.method(payment.method, payment.card_last4)
    paid = _("%(sum)s with %(method)s") % {"sum": amount, "method": how} if how else amount
    at = wording.clock(payment.succeeded_at, operator.time_zone, language) if payment.succeeded_at else ""
    return Step("done", _("Paid"), paid, at)


def _refund_step(payment: Payment, operator: Operator, language: str) -> list[Step]:
    """What went back; nothing where nothing did."""
    if not (payment.amount_refunded and payment.refunded_at):
        return []
    on = wording.local_day(payment.refunded_at, operator.time_zone)
    amount = format_money(payment.amount_refunded, payment.currency_received, language)
    return [Step("done", _("Refunded"), amount, wording.day(on, language, near=on.year))]


def _switched(thing: Thing, operator: Operator, language: str) -> Step:
    name = _("Your TV") if _is_tv(thing) else in_language(thing.names, language)
    where = in_language(thing.device_names, language) if thing.device_names else ""
    detail = wording.together(name, where) if where else name
    if thing.state == progress.ON:
        at = wording.clock(thing.at, operator.time_zone, language) if thing.at else ""
        return Step("done", _("Switched on"), detail, at)
    if thing.state == progress.DELAYED:
        return Step("now", _("Slow to start"), detail)
    return Step("now", _("Switching on"), detail)


def _until(thing: Thing, operator: Operator, language: str, now: datetime) -> Step:
    assert thing.until is not None
    last = wording.local_day(thing.until, operator.time_zone)
    shown = wording.day(last, language, near=now.year)
    return Step("done", _("On until %(day)s") % {"day": shown}, _("Nothing renews without you"))
