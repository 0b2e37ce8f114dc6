"""The code in a message: ours are known without a query, and nobody can make one."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from billing.models import Customer, Operator
from payportal.messaging import codes
from payportal.messaging.models import Handover, Message
from tests.payportal.messaging.story import NOW, write

BRISVIK = Operator(code="brisvik", time_zone="Europe/Oslo")
OTHER = Operator(code="other")


def test_it_works() -> None:
    code = codes.new_code(BRISVIK)
    assert len(code) == 9
    assert codes.read(code, BRISVIK) == code
    assert codes.read(codes.shown(code), BRISVIK) == code


def test_it_has_no_letters_that_look_like_others() -> None:
    letters = set("".join(codes.new_code(BRISVIK) for _ in range(500)))
    assert letters == set(codes.ALPHABET)
    assert not letters & set("ILOU")


@pytest.mark.parametrize("change", [str.lower, lambda code: " ".join(code), lambda code: f"  {code[:4]}–{code[4:]}. "])
def test_it_is_read_as_people_write_it(change: object) -> None:
    code = codes.new_code(BRISVIK)
    assert codes.read(change(code), BRISVIK) == code  # type: ignore[operator]


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    code = next(code for code in iter(lambda: codes.new_code(BRISVIK), "") if "0" in code and "1" in code)
    assert codes.read(code.replace("0", "o").replace("1", "l"), BRISVIK) == code
    assert codes.read(code.replace("0", "O").replace("1", "I"), BRISVIK) == code


@pytest.mark.parametrize("text", ["", "K7M42PQ9", "K7M42PQ9XX", "ÆØÅÆØÅÆØÅ", "\x00" * 9, "\ud800" * 9, "1" * 10_000])
def test_what_we_never_made_is_no_code(text: str) -> None:
    assert codes.read(text, BRISVIK) is None


def test_every_altered_character_is_found_out_but_by_chance() -> None:
    """15 bits: of 279 altered codes at most one or two could pass by chance."""
    code = codes.new_code(BRISVIK)
    altered = [
        code[:at] + letter + code[at + 1 :] for at in range(9) for letter in codes.ALPHABET if letter != code[at]
    ]
    assert sum(codes.read(each, BRISVIK) is not None for each in altered) <= 2


def test_another_operators_code_is_none_of_ours() -> None:
    made = [codes.new_code(OTHER) for _ in range(50)]
    assert sum(codes.read(code, BRISVIK) is not None for code in made) <= 1


def test_keys_that_were_replaced_still_count(settings: Settings) -> None:
    code = codes.new_code(BRISVIK)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one, long enough", [settings.SECRET_KEY]
    assert codes.read(code, BRISVIK) == code
    settings.SECRET_KEY_FALLBACKS = []
    assert codes.read(code, BRISVIK) is None


@pytest.mark.django_db
def test_of_a_forged_code_the_database_is_not_asked(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert codes.read("K7M42PQ9X", BRISVIK) is None


def hand_over(message: Message, **values: object) -> Handover:
    row: dict[str, object] = {"channel": "played_sms", "account": "default", "at": NOW, "changed_at": NOW} | values
    return Handover.objects.create(message=message, reference=f"h{Handover.objects.count()}", **row)


@pytest.fixture
def message(kari: Customer) -> Message:
    message = write(kari)
    Message.objects.filter(pk=message.pk).update(code="ABCDEFGHJ")
    return message


@pytest.mark.parametrize("outcome", ["pending", "unknown", "accepted", "delivered", "read", "undelivered", "given_up"])
def test_what_may_have_reached_somebody_was_sent_on_a_day_where_the_operator_is(
    kari: Customer, message: Message, outcome: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    late = NOW.replace(hour=23, minute=30)
    hand_over(message, at=late, last_digits="17", outcome=outcome)
    with django_assert_num_queries(1):
        assert codes.sent(kari.operator, "ABCDEFGHJ") == ((NOW + timedelta(days=1)).date(), "17")


@pytest.mark.parametrize("outcome", ["not_sent", "refused"])
def test_what_surely_never_left_was_not_sent(kari: Customer, message: Message, outcome: str) -> None:
    assert codes.sent(kari.operator, "ABCDEFGHJ") is None
    hand_over(message, outcome=outcome)
    assert codes.sent(kari.operator, "ABCDEFGHJ") is None


def test_codes_of_nothing_and_of_other_operators_were_not_sent(kari: Customer, message: Message) -> None:
    hand_over(message, outcome="accepted")
    assert codes.sent(kari.operator, "") is None
    assert codes.sent(kari.operator, "ABCDEFGHK") is None
    other = Operator.objects.exclude(pk=kari.operator_id).first() or Operator(pk=0, time_zone="UTC")
    assert codes.sent(other, "ABCDEFGHJ") is None
