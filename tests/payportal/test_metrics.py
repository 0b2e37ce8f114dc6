"""The numbers for whoever watches: for who has the token, and read from the rows."""

import pytest
from django.test import Client
from pytest_django import Settings

from billing.models import GatewayEvent
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


@pytest.mark.parametrize("sent", ["", "Bearer wrong", "Bearer "])
def test_nobody_else_sees_anything(client: Client, sent: str) -> None:
    assert client.get("/metrics", headers={"authorization": sent}).status_code == 404


def test_without_a_token_in_the_settings_nobody_does(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404
