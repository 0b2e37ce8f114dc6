"""An alarm is open once for each kind and subject, however many see it at once."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import alarms
from billing.models import Alarm, AuditEntry
from tests.threads import at_once

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)


@pytest.mark.django_db
def test_it_works() -> None:
    assert alarms.raise_alarm("bad_keys", "twilio_sms:default", NOW, detail="401")
    assert not alarms.raise_alarm("bad_keys", "twilio_sms:default", LATER, detail="403")
    alarm = Alarm.objects.get()
    assert (alarm.count, alarm.detail, alarm.first_at, alarm.last_at) == (2, "403", NOW, LATER)


@pytest.mark.django_db
def test_kinds_and_subjects_have_their_own() -> None:
    for kind, subject in [("bad_keys", "a"), ("bad_keys", "b"), ("low_credit", "a")]:
        assert alarms.raise_alarm(kind, subject, NOW)
    assert Alarm.objects.count() == 3


@pytest.mark.django_db
def test_a_sighting_that_comes_late_turns_no_clock_back() -> None:
    alarms.raise_alarm("bad_keys", "a", LATER)
    alarms.raise_alarm("bad_keys", "a", NOW)
    assert Alarm.objects.get().last_at == LATER


@pytest.mark.django_db
def test_what_is_closed_and_goes_on_opens_another() -> None:
    alarms.raise_alarm("bad_keys", "a", NOW)
    first = Alarm.objects.get()
    assert alarms.close(first.pk, actor="staff:1", now=LATER)
    assert not alarms.close(first.pk, actor="staff:2", now=LATER)
    first.refresh_from_db()
    assert (first.closed_at, first.closed_by) == (LATER, "staff:1")
    assert AuditEntry.objects.filter(verb="close-alarm", subject_reference=f"alarm:{first.pk}").count() == 1
    assert alarms.raise_alarm("bad_keys", "a", LATER)
    assert Alarm.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_eight_who_see_it_at_once_open_one() -> None:
    news = at_once(*[lambda: alarms.raise_alarm("bad_keys", "a", NOW)] * 8)
    assert sorted(news) == [False] * 7 + [True]
    assert Alarm.objects.get().count == 8
