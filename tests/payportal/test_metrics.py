"""The numbers for whoever watches: for who has the token, and read from the rows."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from billing import links
from billing.models import GatewayEvent, Operator
from tests import world
from tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(settings: Settings) -> Client:
    settings.METRICS_TOKEN = "made-up-token"
    return Client(headers={"host": world.operator().host})


def test_it_counts_what_is_not_finished(client: Client) -> None:
    GatewayEvent.objects.create(
        gateway="stripe",
        gateway_account="default",
        event_id="evt_1",
        type="x",
        object_reference="pi_1",
        digest="",
        received_at=NOW,
        next_attempt_at=NOW,
        status="parked",
    )
    answer = client.get("/metrics", headers={"authorization": "Bearer made-up-token"})
    assert answer.status_code == 200
    assert 'payportal_unfinished{kind="gateway_events",status="parked"} 1.0' in answer.content.decode()


def test_it_tells_how_far_links_came_within_the_hour(client: Client) -> None:
    now, owner = timezone.now(), world.customer(Operator.objects.get())
    old, new = world.link(owner, now=now - timedelta(hours=2)), world.link(owner, now=now)
    for link in (old, new):
        links.note(link, "opened", link.created_at)
    links.note(new, "opened", now)
    told = client.get("/metrics", headers={"authorization": "Bearer made-up-token"}).content.decode()
    assert 'payportal_link_steps_of_an_hour{kind="made"} 1.0' in told
    assert 'payportal_link_steps_of_an_hour{kind="opened"} 2.0' in told


@pytest.mark.parametrize("sent", ["", "Bearer wrong", "Bearer "])
def test_nobody_else_sees_anything(client: Client, sent: str) -> None:
    assert client.get("/metrics", headers={"authorization": sent}).status_code == 404


def test_without_a_token_in_the_settings_nobody_does(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404
