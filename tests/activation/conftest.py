"""Django is not set up yet when pytest reads this file: what needs models is imported inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from activation.provisioners.simulator import Simulator
    from tests.activation.made import World


@pytest.fixture(autouse=True)
def network(settings: SettingsWrapper, tmp_path: Path) -> Simulator:
    """A simulated network of this test's own."""
    from activation import provisioners

    settings.PROVISIONER = "simulator"
    settings.SIMULATOR_STATE = str(tmp_path / "network.jsonl")
    settings.SIMULATOR_LATENCY_MS = 0
    return provisioners.current()  # type: ignore[return-value]


@pytest.fixture
def world(transactional_db: None) -> World:
    from tests.activation import made

    return made.world()


@pytest.fixture
def told() -> Iterator[list[object]]:
    """What activation told the floors above."""
    from activation.events import ServiceActivated, ServiceDelayed
    from billing import events

    heard: list[object] = []
    listen = heard.append
    for kind in (ServiceActivated, ServiceDelayed):
        events.subscribe(kind, listen)
    yield heard
    for kind in (ServiceActivated, ServiceDelayed):
        events.unsubscribe(kind, listen)


@pytest.fixture
def broker_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Point everything that this test sends at another broker."""
    from celery import current_app

    from billing import waking

    def point(url: str) -> None:
        waking.forget()
        monkeypatch.setattr(current_app.conf, "broker_write_url", url)

    yield point
    waking.forget()


@pytest.fixture
def dead_broker(broker_at: Callable[[str], None]) -> None:
    """Nobody listens there."""
    broker_at("redis://127.0.0.1:9/0")
