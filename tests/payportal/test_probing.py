"""Somebody tries addresses: counted in Valkey beside the request, and a person is called; nobody is slowed for it."""

import json
import time
from base64 import b64decode
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from billing import links
from billing.models import Alarm, Customer
from payportal import probing
from payportal.messaging import codes
from payportal.pages import operators, tasks
from tests import world

BROWSER = "Mozilla/5.0 (Linux; Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0"


@pytest.fixture
def customer(db: None) -> Customer:
    return world.customer(world.operator(host="brisvik.test"))


@pytest.fixture
def phone(customer: Customer, valkey_url: str) -> Client:
    return Client(headers={"user-agent": BROWSER})


def called(valkey_url: str) -> list[list[object]]:
    """The arguments of the alarms that workers would raise, from the broker's own queue."""
    with Redis.from_url(valkey_url) as valkey:
        messages = [json.loads(each) for each in valkey.lrange("celery", 0, -1)]
    return [json.loads(b64decode(each["body"]))[0] for each in messages if each["headers"]["task"] == probing.ALARM]


def counted(valkey_url: str) -> int:
    with Redis.from_url(valkey_url) as valkey:
        return sum(int(valkey.get(key) or 0) for key in valkey.keys("payportal/probing/*"))


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


def forge(phone: Client, times: int, remote: str = "198.51.100.7") -> None:
    for number in range(times):
        rest = f"{number:027d}"
        assert phone.get(f"/p/AAAAAAAAAAA/{rest}", REMOTE_ADDR=remote).status_code == 404


def test_it_works(phone: Client, valkey_url: str) -> None:
    forge(phone, probing.LIMIT + 5)
    until(lambda: called(valkey_url))
    ((who, count),) = called(valkey_url)
    assert isinstance(who, str)
    assert isinstance(count, int)
    tasks.probing_alarm(who, count)
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.subject) == ("probing", who)
    assert "198.51" not in f"{alarm.subject} {alarm.detail}"


def spread(phone: Client, times: int, first: int = 0) -> None:
    """Forged links from as many homes' networks of one /48, as one hired machine has them."""
    for number in range(first, first + times):
        forge(phone, 1, remote=f"2001:db8:7:{number:x}::1")


def test_from_many_addresses_it_is_noticed_by_the_operators_own_count(
    phone: Client, customer: Customer, valkey_url: str
) -> None:
    spread(phone, probing.LIMIT_OF_ALL + 5)
    until(lambda: called(valkey_url))
    spread(phone, 20, first=1000)
    until(lambda: counted(valkey_url) == probing.LIMIT_OF_ALL + 25)
    ((who, count),) = called(valkey_url)
    assert who == f"all of {customer.operator.code}"
    assert isinstance(count, int)
    assert count > probing.LIMIT_OF_ALL
    for _ in range(2):
        tasks.probing_alarm(str(who), count)
    assert Alarm.objects.get().subject == who


def test_what_two_operators_see_is_not_added_up(phone: Client, valkey_url: str) -> None:
    world.operator(code="other", host="other.test")
    operators.forget()
    spread(phone, probing.LIMIT_OF_ALL // 2 + 5)
    spread(Client(headers={"user-agent": BROWSER, "host": "other.test"}), probing.LIMIT_OF_ALL // 2 + 5)
    until(lambda: counted(valkey_url) == probing.LIMIT_OF_ALL + 10)
    assert called(valkey_url) == []


def test_a_second_wave_calls_nobody_again(phone: Client, valkey_url: str) -> None:
    forge(phone, probing.LIMIT + 5)
    until(lambda: called(valkey_url))
    forge(phone, probing.LIMIT + 5)
    until(lambda: counted(valkey_url) == 2 * (probing.LIMIT + 5))
    assert len(called(valkey_url)) == 1


def test_a_few_mistypings_call_nobody(phone: Client, valkey_url: str) -> None:
    forge(phone, probing.LIMIT // 2)
    forge(phone, probing.LIMIT // 2, remote="198.51.100.8")
    until(lambda: counted(valkey_url) == probing.LIMIT)
    assert called(valkey_url) == []


def test_forged_cookies_tokens_and_codes_count_too(phone: Client, customer: Customer, valkey_url: str) -> None:
    phone.get("/s/" + "A" * 44)
    phone.get("/s/" + "A" * 44 + "/part")
    for code in ("K7M42PQ9X", "no code", codes.new_code(customer.operator)):
        assert phone.post("/verify", {"code": code}).status_code == 200
    phone.get("/r/" + "A" * 45)
    phone.cookies["link"] = "A" * 27
    phone.get("/p/AAAAAAAAAAA/")
    until(lambda: counted(valkey_url) == 7)


def test_a_good_link_and_an_ended_one_are_never_counted_and_always_open(
    phone: Client, customer: Customer, valkey_url: str
) -> None:
    """A family behind one address, in which somebody probes as well."""
    now = timezone.now()
    forge(phone, probing.LIMIT + 5)
    until(lambda: called(valkey_url))
    before = counted(valkey_url)
    for _ in range(probing.LIMIT + 5):
        link = links.create(customer=customer, currency="NOK", actor="system:test", now=now)
        assert phone.get(links.path(link), REMOTE_ADDR="198.51.100.7").status_code == 200
        links.revoke(link, actor="system:test", now=now)
        assert phone.get(links.path(link), REMOTE_ADDR="198.51.100.7").status_code == 404
    forge(phone, 1)
    until(lambda: counted(valkey_url) > before)
    assert counted(valkey_url) == before + 1


def test_no_query_and_no_waiting_while_valkey_is_away(phone: Client, settings: object) -> None:
    forge(phone, 1)
    settings.REDIS_URL = "unix:///nowhere/at/all?db=0"  # type: ignore[attr-defined]
    with CaptureQueriesContext(connection) as asked:
        began = time.monotonic()
        forge(phone, probing.LIMIT * 2)
        assert time.monotonic() - began < 5
    assert len(asked) == 0
    until(lambda: not probing._tried)  # or the next test would find them


def test_no_address_can_be_read_from_valkey(phone: Client, valkey_url: str) -> None:
    forge(phone, 2)
    until(lambda: counted(valkey_url) == 2)
    with Redis.from_url(valkey_url) as valkey:
        assert b"198.51" not in b" ".join(valkey.keys("*"))
