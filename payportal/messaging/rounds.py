"""Going round all customers of all operators, a little of each operator's at a time, and on from where it was cut off.

Who is refused gets no row, so nothing in the database tells that they were asked: where a round was cut off is kept in
Valkey. A place that is lost, or of a rule that is gone, means beginning anew, and nothing else.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, islice

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from billing.models import Operator
from payportal.messaging import reminders
from payportal.messaging.models import ReminderRule
from payportal.messaging.reminders import Occurrence

log = structlog.get_logger(__name__)

# An operator's turns before it is the next operator's: a fraction of a second.
SLICE = 20
# Keys that are read at once; more than anybody gets through in one run.
KEYS = 20_000
# A place is good for as long as anything is made up for.
KEPT_SECONDS = int(reminders.MADE_UP_FOR.total_seconds())
FIRST = "reminders:first"
# A rule's key and a customer's.
Place = tuple[int, int]


class Round:
    """One operator's rules and customers, in the order of their keys, from where the last run was cut off."""

    def __init__(self, rules: Sequence[ReminderRule], now: datetime) -> None:
        self.rules = rules
        self.now = now
        self.operator_id = rules[0].operator_id
        self.is_over = False
        self._place = _read(self._key)
        self._turns = self._go()

    def some(self) -> Iterator[Occurrence | None]:
        """The next turns of this operator, nothing for a batch that is through; no more when its round is over."""
        for place, occurrence in islice(self._turns, SLICE):
            self._place = place
            yield occurrence

    def end(self) -> None:
        """All were asked: the next round begins at the beginning."""
        _forget(self._key)

    def cut(self) -> None:
        """There is no time for more: the next run goes on after what ``some`` gave last."""
        if self._place:
            _write(self._key, self._place)

    @property
    def _key(self) -> str:
        return f"reminders:place:{self.operator_id}"

    def _go(self) -> Iterator[tuple[Place, Occurrence | None]]:
        known = [rule.pk for rule in self.rules]
        rule_id, after = self._place or (0, 0)
        if rule_id not in known:
            rule_id, after = known[0], 0
        for rule in self.rules[known.index(rule_id) :]:
            yield from self._turns_of(rule, after)
            after = 0
        self.is_over = True

    def _turns_of(self, rule: ReminderRule, after: int) -> Iterator[tuple[Place, Occurrence | None]]:
        days = reminders.days_around(rule, self.now)
        among = reminders.on_days(reminders.untold(rule), rule, days)
        while days and (keys := reminders.customers(among, after, KEYS)):
            for start in range(0, len(keys), reminders.BATCH):
                batch = keys[start : start + reminders.BATCH]
                turns = [
                    turn
                    for turn in reminders.occurrences(rule, days, reminders.untold(rule), batch)
                    if turn.at <= self.now < turn.at + reminders.MADE_UP_FOR
                ]
                for turn in reminders.without_refusals(rule, turns):
                    yield (rule.pk, turn.customer.pk), turn
                # Where it is nobody's turn yet, time goes by all the same.
                yield (rule.pk, batch[-1]), None
            after = keys[-1]


def begin(now: datetime, operator: Operator | None) -> list[Round]:
    """A round for each operator with rules in force; first who waited longest when the last run was cut off."""
    rules = reminders.active_rules(operator)
    found = [Round(list(group), now) for _, group in groupby(rules, lambda rule: rule.operator_id)]
    place = _read(FIRST)
    first = place[0] if place else 0
    return sorted(found, key=lambda each: each.operator_id < first)


def cut(current: Round, others: Sequence[Round]) -> None:
    """The time is over in the middle of one operator's round; the next run begins with the next operator."""
    for each in (current, *others):
        each.cut()
    _write(FIRST, (others[0].operator_id if others else current.operator_id, 0))
    log.warning("sweep_cut_short", sweep="reminders")


def _read(key: str) -> Place | None:
    try:
        found = cache.get(key)
    except RedisError as error:
        log.warning("place_unknown", error=type(error).__name__)
        return None
    return (found[0], found[1]) if found else None


def _write(key: str, place: Place) -> None:
    try:
        cache.set(key, place, KEPT_SECONDS)
    except RedisError as error:
        log.warning("place_lost", error=type(error).__name__)


def _forget(key: str) -> None:
    try:
        cache.delete(key)
    except RedisError as error:
        log.warning("place_kept", error=type(error).__name__)
