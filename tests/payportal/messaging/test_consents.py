"""What a customer agreed to: given, withdrawn and given again, each once, and written down."""

from datetime import timedelta

import pytest

from billing.models import AuditEntry, Customer
from payportal.messaging import consents
from payportal.messaging.models import Consent
from payportal.messaging.permission import Go, Never, ask
from tests import threads
from tests.payportal.messaging.story import NOW, write

LATER = NOW + timedelta(hours=1)


def give(customer: Customer, purpose: str = "offer") -> bool:
    return consents.give(customer, purpose, source="the desk", actor="staff:7", now=NOW)


def withdraw(customer: Customer, purpose: str = "offer") -> bool:
    return consents.withdraw(customer, purpose, actor="staff:7", now=LATER)


def kept(customer: Customer) -> list[tuple[str, str, str]]:
    entries = AuditEntry.objects.filter(subject_reference=f"customer:{customer.pk}", operator=customer.operator)
    return list(entries.order_by("pk").values_list("actor", "verb", "reason"))


def test_it_works(kari: Customer) -> None:
    offer = write(kari, "offer:1", template="offer", context={})
    assert ask(offer, NOW) == Never("no_consent")
    assert give(kari)
    assert ask(offer, NOW) == Go()
    assert withdraw(kari)
    assert ask(offer, NOW) == Never("no_consent")
    row = Consent.objects.get()
    assert (row.given_at, row.withdrawn_at, row.source) == (NOW, LATER, "the desk")
    assert kept(kari) == [("staff:7", "give-consent", "offer"), ("staff:7", "withdraw-consent", "offer")]


def test_twice_is_once(kari: Customer) -> None:
    assert [give(kari), give(kari)] == [True, False]
    assert [withdraw(kari), withdraw(kari)] == [True, False]
    assert len(kept(kari)) == 2
    assert Consent.objects.get().given_at == NOW


def test_what_was_never_given_is_not_withdrawn(kari: Customer) -> None:
    assert not withdraw(kari)
    assert not Consent.objects.exists()
    assert kept(kari) == []


def test_who_agrees_again_has_two_rows_of_which_one_holds(kari: Customer) -> None:
    give(kari)
    withdraw(kari)
    assert give(kari)
    first, second = Consent.objects.order_by("pk")
    assert first.withdrawn_at == LATER
    assert consents.in_force(kari, "offer") == second


def test_one_purpose_says_nothing_of_another(kari: Customer) -> None:
    give(kari, "survey")
    assert consents.in_force(kari, "offer") is None
    assert not withdraw(kari)
    assert consents.in_force(kari, "survey")


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_agree_once(kari: Customer) -> None:
    for verb in (give, withdraw):
        results = threads.at_once(*[lambda verb=verb: verb(kari)] * 8)  # type: ignore[misc]
        assert threads.errors(results) == []
        assert results.count(True) == 1
    assert len(kept(kari)) == 2
