import pytest

from payportal.messaging.channels import wishes


@pytest.mark.parametrize("text", ["STOP", "stop", " Stopp! ", "Stop  promotions", "opt-out", "توقف", "«Stopp»"])
def test_stop_is_understood(text: str) -> None:
    assert wishes.of(text) == "stop"


@pytest.mark.parametrize("text", ["start", "UNSTOP", "Meld på"])
def test_start_is_understood(text: str) -> None:
    assert wishes.of(text) == "start"


@pytest.mark.parametrize("text", ["", "Don't stop", "stop by tomorrow", "yes", "ok", "🙂", "STOP" * 1000])
def test_anything_else_asks_for_nothing(text: str) -> None:
    assert wishes.of(text) == "other"
