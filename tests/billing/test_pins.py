"""PINs and one-time codes: who guesses is stopped, whoever reads the database learns nothing, and all of it at once."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from billing import pins
from billing.models import AccountPin, AuditEntry, Customer, OneTimeCode, PaymentLink, PinTries
from billing.pins import Checked
from tests import threads, world
from tests.world import NOW

pytestmark = pytest.mark.django_db
RIGHT = "4711"


@pytest.fixture
def customer(db: None) -> Customer:
    made = world.customer(world.operator())
    pins.set_pin(made, RIGHT, actor="staff:1", now=NOW)
    return made


@pytest.fixture
def link(customer: Customer) -> PaymentLink:
    return world.link(customer)


def test_the_right_pin_is_right_and_any_other_wrong(link: PaymentLink) -> None:
    assert pins.check(link, RIGHT, NOW) is Checked.RIGHT
    assert pins.check(link, "4712", NOW) is Checked.WRONG
    assert pins.check(link, RIGHT, NOW) is Checked.RIGHT


@pytest.mark.parametrize("typed", ["", "47110", "471", "٤٧١١", " 4711", "4711\0", "\ud800"])
def test_nothing_but_the_pin_itself_is_right(link: PaymentLink, typed: str) -> None:
    assert pins.check(link, typed, NOW) is Checked.WRONG


def test_a_customer_without_a_pin_is_told_the_same_as_a_wrong_one(link: PaymentLink) -> None:
    pins.remove_pin(link.customer, actor="staff:1", now=NOW)
    assert pins.check(link, RIGHT, NOW) is Checked.WRONG
    assert not pins.remove_pin(link.customer, actor="staff:1", now=NOW)


@pytest.mark.parametrize("pin", ["123", "123456789", "12a4", "1111", "1234", "890123", "8642", "4848", "", "１２３４"])
def test_what_is_no_pin_is_refused(customer: Customer, pin: str) -> None:
    with pytest.raises(pins.NotAPin):
        pins.set_pin(customer, pin, actor="staff:1", now=NOW)


def test_a_new_pin_opens_the_links_that_were_locked(link: PaymentLink) -> None:
    """The agent who sets it knows who is on the phone; nobody should have to wait then."""
    while pins.check(link, "0000", NOW) is Checked.WRONG:
        pass
    assert pins.check(link, RIGHT, NOW) is Checked.LOCKED
    pins.set_pin(link.customer, "9182", actor="staff:1", now=NOW)
    assert pins.check(link, "9182", NOW) is Checked.RIGHT


def test_who_sets_a_pin_is_kept_and_the_pin_is_not(customer: Customer) -> None:
    assert AuditEntry.objects.filter(verb="set-pin", subject_reference=f"customer:{customer.pk}").count() == 1
    assert RIGHT not in str(list(AuditEntry.objects.values())) + str(list(AccountPin.objects.values()))


def test_the_digest_is_of_no_use_without_the_key(link: PaymentLink, settings: Settings) -> None:
    """Who has the database can try ten thousand PINs in a minute; without the key none of them fits."""
    settings.PIN_KEYS = {1: b"another key of thirty-two bytes!"}
    assert pins.check(link, RIGHT, NOW) is Checked.WRONG


def test_a_key_is_rotated_by_adding_one(link: PaymentLink, settings: Settings) -> None:
    settings.PIN_KEYS = {**settings.PIN_KEYS, 2: b"n" * 32}
    assert pins.check(link, RIGHT, NOW) is Checked.RIGHT
    pins.set_pin(link.customer, "9182", actor="staff:1", now=NOW)
    assert AccountPin.objects.get().key_number == 2
    assert pins.check(link, "9182", NOW) is Checked.RIGHT
    settings.PIN_KEYS = {1: settings.PIN_KEYS[1]}
    assert pins.check(link, "9182", NOW) is Checked.WRONG


def test_a_digest_copied_to_another_customer_opens_nothing(link: PaymentLink) -> None:
    thief = world.link(world.customer(link.operator))
    AccountPin.objects.create(customer=thief.customer, digest=AccountPin.objects.get().digest, key_number=1, set_at=NOW)
    assert pins.check(thief, RIGHT, NOW) is Checked.WRONG


def test_wrong_tries_lock_for_a_growing_time(link: PaymentLink) -> None:
    for _ in range(3):
        assert pins.check(link, "0000", NOW) is Checked.WRONG
    assert pins.check(link, RIGHT, NOW) is Checked.LOCKED
    assert pins.check(link, RIGHT, NOW + timedelta(seconds=59)) is Checked.LOCKED
    at = NOW + timedelta(seconds=60)
    assert pins.check(link, "0000", at) is Checked.WRONG
    assert pins.check(link, RIGHT, at + timedelta(seconds=119)) is Checked.LOCKED
    assert pins.check(link, RIGHT, at + timedelta(seconds=120)) is Checked.RIGHT


def test_the_longest_pause_is_a_day() -> None:
    assert pins._pause(1000, 3) == timedelta(hours=24)


def test_a_right_pin_forgives_what_was_tried_before(link: PaymentLink) -> None:
    for _ in range(2):
        pins.check(link, "0000", NOW)
    assert pins.check(link, RIGHT, NOW) is Checked.RIGHT
    for _ in range(2):
        assert pins.check(link, "0000", NOW) is Checked.WRONG
    assert pins.check(link, RIGHT, NOW) is Checked.RIGHT


def test_new_links_give_no_new_tries(customer: Customer) -> None:
    """Counted per customer too: however many links somebody holds, it is eight tries."""
    results = [pins.check(world.link(customer), "0000", NOW) for _ in range(12)]
    assert results.count(Checked.WRONG) == 8
    assert results[8:] == [Checked.LOCKED] * 4


def test_guesses_on_other_links_keep_nobody_out_who_holds_a_code(customer: Customer) -> None:
    """The PIN waits, for it is the same on every link; a code was sent to the customer, for this one."""
    for _ in range(4):
        thiefs = world.link(customer)
        assert [pins.check(thiefs, "0000", NOW) for _ in range(2)] == [Checked.WRONG] * 2
    own = world.link(customer)
    assert pins.check(own, RIGHT, NOW) is Checked.LOCKED
    code = pins.make_code(own, NOW)
    assert pins.check(own, "000000" if code != "000000" else "000001", NOW) is Checked.LOCKED
    assert pins.check(own, code, NOW) is Checked.RIGHT
    assert pins.check(own, RIGHT, NOW) is Checked.RIGHT, "who had the code is the customer: nothing is locked any more"


def test_a_locked_link_takes_no_code_either(link: PaymentLink) -> None:
    code = pins.make_code(link, NOW)
    for _ in range(3):
        pins.check(link, "0000", NOW)
    assert pins.check(link, code, NOW) is Checked.LOCKED
    assert pins.check(link, code, NOW + timedelta(minutes=2)) is Checked.RIGHT


def test_one_link_locked_leaves_the_customers_others_open(customer: Customer, link: PaymentLink) -> None:
    for _ in range(5):
        pins.check(link, "0000", NOW)
    assert pins.check(world.link(customer), RIGHT, NOW) is Checked.RIGHT
    assert pins.check(link, RIGHT, NOW) is Checked.LOCKED


def test_a_locked_try_counts_nothing(link: PaymentLink) -> None:
    for _ in range(30):
        pins.check(link, "0000", NOW)
    assert set(PinTries.objects.values_list("tries", flat=True)) == {3}


def test_a_code_is_good_once_for_its_link_and_for_ten_minutes(customer: Customer, link: PaymentLink) -> None:
    code = pins.make_code(link, NOW)
    assert code not in str(list(OneTimeCode.objects.values()))
    assert pins.check(world.link(customer), code, NOW) is Checked.WRONG
    assert pins.check(link, code, NOW + timedelta(minutes=10)) is Checked.WRONG
    assert pins.check(link, code, NOW + timedelta(minutes=9)) is Checked.RIGHT
    assert pins.check(link, code, NOW + timedelta(minutes=9)) is Checked.WRONG


def test_a_new_code_ends_the_one_before(link: PaymentLink) -> None:
    first, second = pins.make_code(link, NOW), pins.make_code(link, NOW)
    assert first == second or pins.check(link, first, NOW) is Checked.WRONG
    assert pins.check(link, second, NOW) is Checked.RIGHT


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_are_no_more_tries_than_one_after_the_other() -> None:
    customer = world.customer(world.operator())
    pins.set_pin(customer, RIGHT, actor="staff:1", now=NOW)
    link = world.link(customer)

    def guess() -> object:
        try:
            return pins.check(link, "0000", NOW)
        except pins.Busy:
            return Checked.WRONG

    results = threads.at_once(*[guess] * 50)
    assert not threads.errors(results)
    assert results.count(Checked.WRONG) == 3
    assert results.count(Checked.LOCKED) == 47
    assert set(PinTries.objects.values_list("tries", flat=True)) == {3}


@pytest.mark.django_db(transaction=True)
def test_the_same_code_typed_on_two_phones_at_once_is_used_once() -> None:
    link = world.link(world.customer(world.operator()))
    code = pins.make_code(link, NOW)
    results = threads.at_once(*[lambda: pins.check(link, code, NOW)] * 2)
    assert not threads.errors(results)
    assert results.count(Checked.RIGHT) == 1


@pytest.mark.django_db(transaction=True)
def test_two_codes_asked_for_at_once_leave_one_that_is_good() -> None:
    link = world.link(world.customer(world.operator()))
    codes = threads.at_once(*[lambda: pins.make_code(link, NOW)] * 4)
    assert not threads.errors(codes)
    assert OneTimeCode.objects.filter(link=link, used_at__isnull=True, replaced_at__isnull=True).count() == 1


def test_only_a_couple_of_hashes_run_at_a_time(link: PaymentLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all places taken a try waits, gives up, and stays counted."""
    monkeypatch.setattr(pins, "HASH_WAIT_SECONDS", 0.05)
    for _ in range(pins.HASHES_AT_ONCE):
        pins._room.acquire()
    try:
        with pytest.raises(pins.Busy):
            pins.check(link, RIGHT, NOW)
    finally:
        for _ in range(pins.HASHES_AT_ONCE):
            pins._room.release()
    assert set(PinTries.objects.values_list("tries", flat=True)) == {1}
