"""A message by Twilio from its row to its receipt: posted, or asked for when the post never came."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from io import StringIO
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from billing.models import Customer, LinkEvent, PaymentLink
from payportal.messaging import messages, recalling
from payportal.messaging.models import ContactMedium, Handover, Message
from tests.payportal.messaging.carrier import speak
from tests.payportal.messaging.channels.twilio_server import TwilioServer, sign
from tests.payportal.messaging.story import NOW, write

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def twilio(settings: Settings, kari: Customer) -> Iterator[TwilioServer]:
    speak(kari, "twilio_sms")
    with TwilioServer("twilio_sms", settings).running() as running:
        yield running  # type: ignore[misc]


@pytest.fixture
def sent(twilio: TwilioServer, kari: Customer, link: PaymentLink) -> Message:
    message = write(kari, "link:1", template="link", context={}, link=link)
    assert messages.deliver(message.pk, NOW)
    twilio.messages[0] |= {"date_sent": format_datetime(NOW), "price": "-0.00750", "price_unit": "USD"}
    return message


def again(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def post(client: Client, twilio: TwilioServer, status: str, **more: str) -> int:
    """As Twilio posts it to the address that came with the message."""
    made = twilio.messages[0]
    url = made["form"]["StatusCallback"]
    form = {"MessageSid": made["sid"], "MessageStatus": status, **more}
    body, kind = urlencode(form), "application/x-www-form-urlencoded"
    path = url.removeprefix("http://testserver")
    return client.post(path, body, content_type=kind, headers={"X-Twilio-Signature": sign(url, form)}).status_code


def test_it_works(client: Client, twilio: TwilioServer, sent: Message, link: PaymentLink) -> None:
    """The text carries link and code; the receipt that Twilio posts ends up on the link's timeline."""
    text = twilio.messages[0]["body"]
    assert "/p/" in text
    assert post(client, twilio, "sent") == 200
    assert post(client, twilio, "delivered") == 200
    assert post(client, twilio, "delivered") == 200
    assert again(sent).status == Message.Status.DELIVERED
    kinds = list(LinkEvent.objects.filter(link=link).order_by("pk").values_list("kind", flat=True))
    assert kinds.count("delivered") == 1
    link.refresh_from_db()
    assert link.via == "twilio_sms"


def test_a_forged_receipt_changes_nothing(client: Client, twilio: TwilioServer, sent: Message) -> None:
    path = twilio.messages[0]["form"]["StatusCallback"].removeprefix("http://testserver")
    form = urlencode({"MessageStatus": "failed", "ErrorCode": "30005"})
    headers = {"X-Twilio-Signature": "forged"}
    assert client.post(path, form, content_type="application/x-www-form-urlencoded", headers=headers).status_code == 403
    assert again(sent).status == Message.Status.SENT


def test_an_answer_that_got_lost_is_found_and_nothing_is_sent_twice(
    twilio: TwilioServer, kari: Customer, link: PaymentLink
) -> None:
    message = write(kari, "link:1", template="link", context={}, link=link)
    twilio.take_and_break()
    assert not messages.deliver(message.pk, NOW)
    assert again(message).status == Message.Status.UNKNOWN
    twilio.recover()
    twilio.messages[0]["date_created"] = format_datetime(NOW)
    assert messages.deliver(message.pk, NOW + timedelta(minutes=1))
    assert again(message).status == Message.Status.SENT
    assert len(twilio.messages) == 1


def test_a_receipt_that_got_lost_is_asked_for(twilio: TwilioServer, sent: Message) -> None:
    twilio.messages[0]["status"] = "delivered"
    assert recalling.recall(NOW + HOUR) == 1
    assert again(sent).status == Message.Status.DELIVERED
    [handover] = sent.handovers.all()
    assert (handover.cost_micros, handover.cost_currency) == (7500, "USD")
    assert recalling.recall(NOW + 2 * HOUR) == 0


def test_a_price_told_late_is_kept_though_it_is_no_news(client: Client, twilio: TwilioServer, sent: Message) -> None:
    assert post(client, twilio, "delivered") == 200
    twilio.messages[0]["status"] = "delivered"
    assert recalling.recall(NOW + HOUR) == 0
    assert Handover.objects.get().cost_micros == 7500
    asked = len(twilio.asked)
    recalling.recall(NOW + HOUR)
    assert len(twilio.asked) == asked


def test_a_final_failure_that_got_lost_marks_the_number(twilio: TwilioServer, sent: Message) -> None:
    twilio.messages[0] |= {"status": "undelivered", "error_code": 30005}
    assert recalling.recall(NOW + HOUR) == 1
    assert again(sent).status == Message.Status.FAILED
    assert ContactMedium.objects.get(medium="sms").unreachable_at


def test_what_is_still_under_way_stays_so(twilio: TwilioServer, sent: Message) -> None:
    """No receipt is no failure: nothing is sent again for it."""
    for at in (NOW + HOUR, NOW + timedelta(days=2), NOW + timedelta(days=30)):
        recalling.recall(at)
    assert again(sent).status == Message.Status.SENT
    assert len(twilio.messages) == 1


@pytest.mark.parametrize("at", [NOW + timedelta(minutes=5), NOW + timedelta(days=4)])
def test_what_is_too_young_or_too_old_is_not_asked_for(twilio: TwilioServer, sent: Message, at: datetime) -> None:
    asked = len(twilio.asked)
    assert recalling.recall(at) == 0
    assert len(twilio.asked) == asked


def test_a_carrier_that_fails_is_asked_again_another_time(twilio: TwilioServer, sent: Message) -> None:
    twilio.fail_with(500)
    assert recalling.recall(NOW + HOUR) == 0
    twilio.recover()
    twilio.messages[0]["status"] = "delivered"
    assert recalling.recall(NOW + HOUR) == 1


def test_the_command_says_how_much_was_news(twilio: TwilioServer, sent: Message) -> None:
    Handover.objects.update(at=timezone.now() - HOUR)
    twilio.messages[0] |= {"status": "delivered", "date_sent": format_datetime(timezone.now())}
    out = StringIO()
    call_command("recall_receipts", stdout=out)
    assert out.getvalue() == "1 receipts were news\n"
