"""Numbers that WhatsApp writes in another way than the operator's file: STOP counts all the same, and so does START."""

import pytest

from billing.models import Customer
from payportal.messaging import delivering, receipts, whatsapp_ids
from payportal.messaging.channels.base import Said
from payportal.messaging.models import ContactMedium, Message
from tests.payportal.messaging.carrier import Carriers, speak
from tests.payportal.messaging.story import NOW, write

# With the further digit or without: each may stand in the file or in WhatsApp's id.
PAIRS = [
    ("+525512345678", "+5215512345678"),
    ("+543425874989", "+5493425874989"),
    ("+559281723241", "+5592981723241"),
    ("+551187654321", "+5511987654321"),
]
BOTH_WAYS = [*PAIRS, *(pair[::-1] for pair in PAIRS)]
# Land lines of Brazil and the mobiles that differ by a 9; countries whose digits are their own; too short, too long.
STRANGERS = [
    ("+551130031234", "+5511930031234"),
    ("+4792345678", "+47992345678"),
    ("+12025550123", "+112025550123"),
    ("+51987654321", "+519987654321"),
    ("+52551234567", "+521551234567"),
    ("+52155123456789", "+5255123456789"),
    ("+54119876543", "+549119876543"),
    ("+5592817232", "+55929817232"),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_it_works(pair: tuple[str, str]) -> None:
    assert whatsapp_ids.spellings(pair[0]) == whatsapp_ids.spellings(pair[1])
    assert sorted(whatsapp_ids.spellings(pair[0])) == sorted(pair)


@pytest.mark.parametrize("number", [number for pair in STRANGERS for number in pair])
def test_every_other_number_is_exact(number: str) -> None:
    assert whatsapp_ids.spellings(number) == [number]


def heard(kari: Customer, phone: str, *said: Said, channel: str = "played_whatsapp") -> int:
    """How much of what was said was news for the customer of this number."""
    kari.phone = phone
    kari.save()
    return receipts.take(channel, "default", said, NOW)


def next_message(kari: Customer) -> Message:
    message = write(kari, f"on:{Message.objects.count()}")
    delivering.deliver(message.pk, NOW)
    message.refresh_from_db()
    return message


@pytest.mark.parametrize("on_file, wa_id", BOTH_WAYS)
@pytest.mark.django_db
def test_stop_counts_however_whatsapp_writes_the_number(
    kari: Customer, carriers: Carriers, on_file: str, wa_id: str
) -> None:
    assert heard(kari, on_file, Said(wa_id, "stop")) == 1
    message = next_message(kari)
    assert (message.status, message.error) == (Message.Status.WITHHELD, "opted_out")
    assert heard(kari, on_file, Said(wa_id, "stop"), Said(on_file, "stop")) == 0, "known before"
    assert ContactMedium.objects.count() == 1


@pytest.mark.parametrize("on_file, wa_id", BOTH_WAYS)
@pytest.mark.django_db
def test_start_counts_however_whatsapp_writes_the_number(
    kari: Customer, carriers: Carriers, on_file: str, wa_id: str
) -> None:
    heard(kari, on_file, Said(on_file, "stop"))
    assert heard(kari, on_file, Said(wa_id, "start")) == 1
    assert heard(kari, on_file, Said(wa_id, "start")) == 0
    assert next_message(kari).status == Message.Status.SENT


@pytest.mark.parametrize("on_file, other", BOTH_WAYS)
@pytest.mark.django_db
def test_a_mark_holds_when_the_file_changes_its_spelling(
    kari: Customer, carriers: Carriers, on_file: str, other: str
) -> None:
    kari.phone = on_file
    kari.save()
    carriers.first.words = ["nobody there"]
    assert next_message(kari).status == Message.Status.FAILED
    kari.phone = other
    kari.save()
    assert next_message(kari).error == "unreachable"
    assert len(carriers.first.calls) == 1
    assert heard(kari, other, Said(on_file, "start")) == 1
    assert next_message(kari).status == Message.Status.SENT


@pytest.mark.parametrize("on_file, other", BOTH_WAYS)
@pytest.mark.django_db
def test_a_row_of_the_other_spelling_counts_too(kari: Customer, carriers: Carriers, on_file: str, other: str) -> None:
    kari.phone = on_file
    kari.save()
    ContactMedium.objects.create(
        operator=kari.operator, medium="whatsapp", address=other, opted_out_at=NOW, reason="stop"
    )
    assert next_message(kari).error == "opted_out"
    assert heard(kari, on_file, Said(other, "start")) == 1
    assert next_message(kari).status == Message.Status.SENT


@pytest.mark.parametrize("on_file, other", STRANGERS)
@pytest.mark.django_db
def test_a_strangers_stop_is_the_strangers(kari: Customer, carriers: Carriers, on_file: str, other: str) -> None:
    heard(kari, on_file, Said(other, "stop"))
    assert next_message(kari).status == Message.Status.SENT


@pytest.mark.django_db
def test_an_sms_comes_from_the_number_as_it_is(kari: Customer, carriers: Carriers) -> None:
    """Only WhatsApp has ids of its own."""
    speak(kari, carriers.second.code)
    heard(kari, "+525512345678", Said("+5215512345678", "stop"), channel=carriers.second.code)
    assert next_message(kari).status == Message.Status.SENT


@pytest.mark.django_db
def test_stop_stands_on_the_link_of_whoever_said_it(kari: Customer, carriers: Carriers) -> None:
    from billing import links

    link = links.create(customer=kari, currency="NOK", actor="system:test", now=NOW)
    write(kari, "link:1", template="link", context={}, link=link)
    heard(kari, "+525512345678", Said("+5215512345678", "stop"))
    assert link.events.filter(kind="opted_out").count() == 1
