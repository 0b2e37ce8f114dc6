"""When a PIN is asked for, and the proof that one was given."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from billing import links, pins, proofs
from billing.models import Operator, PaymentLink, ProofRule
from billing.proofs import Action
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db


def rule(operator: Operator, **fields: object) -> ProofRule:
    return ProofRule.objects.create(operator=operator, **{"action": Action.PAY, **fields})


@pytest.fixture
def link() -> PaymentLink:
    return world.link(world.customer(world.operator()))


def test_without_a_rule_nothing_is_asked(link: PaymentLink) -> None:
    assert not any(proofs.required(link, action, 10**9) for action in Action)


def test_a_rule_asks_for_its_action_alone(link: PaymentLink) -> None:
    rule(link.operator, action=Action.OPEN)
    assert proofs.required(link, Action.OPEN)
    assert not proofs.required(link, Action.PAY)


def test_a_rule_by_amount_asks_from_that_sum_on(link: PaymentLink) -> None:
    rule(link.operator, amount_from=50000)
    assert not proofs.required(link, Action.PAY, 49999)
    assert proofs.required(link, Action.PAY, 50000)


def test_a_rule_by_channel_asks_for_links_that_came_that_way(link: PaymentLink) -> None:
    rule(link.operator, via="email")
    assert not proofs.required(link, Action.PAY)
    link.via = "email"
    assert proofs.required(link, Action.PAY)
    # Another copy went another way since; who has the one from the mailbox is asked all the same.
    link.via, link.ways = "twilio_sms", " email  twilio_sms "
    assert proofs.required(link, Action.PAY)
    link.ways = " emailer  twilio_sms "
    assert not proofs.required(link, Action.PAY)


def test_a_rule_that_is_off_and_another_operators_ask_nothing(link: PaymentLink) -> None:
    rule(link.operator, is_active=False)
    rule(world.operator("solmara", currency="EUR"))
    assert not proofs.required(link, Action.PAY)


def test_a_new_pin_ends_the_proofs_by_the_old_one(link: PaymentLink) -> None:
    token = proofs.token(link)
    pins.set_pin(link.customer, "4711", actor="staff:1", now=NOW)
    assert not proofs.holds(PaymentLink.objects.get(pk=link.pk), token, NOW)
    again = PaymentLink.objects.get(pk=link.pk)
    token = proofs.token(again)
    assert proofs.holds(again, token, NOW)
    pins.remove_pin(again.customer, actor="staff:1", now=NOW + timedelta(seconds=1))
    assert not proofs.holds(PaymentLink.objects.get(pk=link.pk), token, NOW)


def test_a_proof_is_good_for_its_own_link_until_that_ends(link: PaymentLink) -> None:
    token = proofs.token(link)
    assert proofs.holds(link, token, NOW)
    assert not proofs.holds(world.link(link.customer), token, NOW)
    assert not proofs.holds(link, token, link.expires_at)
    assert not proofs.holds(link, token[:-1] + ("A" if token[-1] != "A" else "B"), NOW)
    assert not proofs.holds(link, "", NOW)


def test_a_links_own_code_is_no_proof(link: PaymentLink) -> None:
    assert not proofs.holds(link, links.cookie_value(link), NOW)
    assert not proofs.holds(link, links.rest(link)[-22:], NOW)


def test_a_proof_outlives_a_rotated_key(link: PaymentLink, settings: Settings) -> None:
    token = proofs.token(link)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 64, [settings.SECRET_KEY]
    assert proofs.holds(link, token, NOW)
    settings.SECRET_KEY_FALLBACKS = []
    assert not proofs.holds(link, token, NOW + timedelta(0))
