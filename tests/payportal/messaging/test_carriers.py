"""Accounts at carriers are looked at before sends fail."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_django import Settings

from billing.models import Alarm, Customer, Operator
from payportal.messaging import carriers, tasks
from payportal.messaging.channels.base import Credit
from payportal.messaging.models import ReminderRule
from tests.payportal.messaging.carrier import PlayedCarrier, registered, speak
from tests.payportal.messaging.channels.mail_server import MailServer
from tests.payportal.messaging.story import NOW

pytestmark = pytest.mark.django_db
MILLION = 1_000_000


@pytest.fixture
def carrier(kari: Customer) -> Iterator[PlayedCarrier]:
    made = PlayedCarrier()
    Operator.objects.exclude(pk=kari.operator_id).update(is_active=False)
    with registered(made):
        speak(kari, made.code)
        yield made


def test_it_works(kari: Customer, carrier: PlayedCarrier) -> None:
    carrier.left = Credit(settings.CARRIER_LOW_CREDIT * MILLION - 1, "USD")
    assert carriers.check(NOW) == 1
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.subject, alarm.detail) == ("low_credit", "played_whatsapp:default", "20.00 USD")
    assert alarm.operator == kari.operator


@pytest.mark.parametrize("left", [Credit(), Credit(settings.CARRIER_LOW_CREDIT * MILLION, "USD")])
def test_enough_or_untold_is_no_alarm(carrier: PlayedCarrier, left: Credit) -> None:
    carrier.left = left
    assert carriers.check(NOW) == 0
    assert not Alarm.objects.exists()


def test_what_is_little_depends_on_the_currency(carrier: PlayedCarrier, settings: Settings) -> None:
    settings.CARRIER_LOW_CREDITS = {"INR": 2000, "BHD": 8}
    for credit, is_low in [
        (Credit(1999 * MILLION, "INR"), True),
        (Credit(2000 * MILLION, "INR"), False),
        (Credit(8 * MILLION, "BHD"), False),
        (Credit(settings.CARRIER_LOW_CREDIT * MILLION - 1, "USD"), True),
        (Credit(settings.CARRIER_LOW_CREDIT * MILLION - 1, ""), True),
    ]:
        carrier.left = credit
        assert carriers.check(NOW) == is_low


def test_a_mail_server_that_refuses_our_password_is_found_before_a_message_meets_it(
    kari: Customer, carrier: PlayedCarrier, settings: Settings
) -> None:
    ReminderRule.objects.filter(operator=kari.operator).delete()
    speak(kari, "email")
    with MailServer() as server:
        server.wants_login = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "payportal", "wrong"
        assert carriers.check(NOW) == carriers.check(NOW) == 1
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.subject, alarm.detail) == ("bad_keys", "email:default", "SMTP 535")


def test_an_empty_account_is_low_and_a_debt_too(carrier: PlayedCarrier) -> None:
    for micros in (0, -5 * MILLION):
        carrier.left = Credit(micros, "USD")
        assert carriers.check(NOW) == 1
    assert Alarm.objects.get().count == 2


def test_bad_keys_are_found_before_a_message_meets_them(carrier: PlayedCarrier) -> None:
    carrier.words = ["bad keys"]
    assert carriers.check(NOW) == 1
    assert Alarm.objects.get().kind == "bad_keys"


def test_a_channel_that_is_not_here_needs_a_person(kari: Customer, carrier: PlayedCarrier) -> None:
    speak(kari, "pigeon")
    assert carriers.check(NOW) == 1
    assert Alarm.objects.get().subject == "pigeon:default"


def test_an_answer_that_never_comes_is_no_alarm(carrier: PlayedCarrier) -> None:
    class Silent(PlayedCarrier):
        def credit(self, account: str) -> Credit:
            raise TimeoutError

    with registered(Silent()):
        assert carriers.check(NOW) == 0


def test_second_channels_and_those_of_reminders_are_looked_at_too(kari: Customer, carrier: PlayedCarrier) -> None:
    speak(kari, carrier.code, "email")
    ReminderRule.objects.filter(operator=kari.operator).delete()
    ReminderRule.objects.create(operator=kari.operator, code="late", days=3, at="10:00", channel="outbox")
    ReminderRule.objects.create(operator=kari.operator, code="own", days=4, at="10:00")
    assert carriers.in_use() == {(carrier.code, "default"), ("email", "default"), ("outbox", "default")}


def test_no_alarm_is_closed_by_good_news(carrier: PlayedCarrier) -> None:
    carrier.left = Credit(0, "USD")
    carriers.check(NOW)
    carrier.left = Credit(10**12, "USD")
    carriers.check(NOW)
    assert Alarm.objects.get().closed_at is None


def test_beat_the_task_and_the_command_do_the_same(carrier: PlayedCarrier) -> None:
    carrier.left = Credit(0, "USD")
    tasks.check_carriers()
    out = StringIO()
    call_command("check_carriers", stdout=out)
    assert out.getvalue() == "1 need a person\n"
    assert Alarm.objects.get().count == 2
    assert settings.CELERY_BEAT_SCHEDULE["messaging.check_carriers"]["schedule"] == 600
