"""Telling the simulated network to fail, from the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from activation.provisioners.base import ProvisionerRefused, ProvisionerUnavailable, ServiceOrder
from activation.provisioners.simulator import Simulator


def order(number: int, service: str = "films") -> ServiceOrder:
    return ServiceOrder(f"key-{number}", "activate", service, f"service-{number}")


def network_command(*arguments: str) -> str:
    out = StringIO()
    call_command("network", *arguments, stdout=out)
    return out.getvalue()


def test_it_works(network: Simulator) -> None:
    network.switch(order(1))
    assert network_command().split() == ["on", "films", "service-1"]


def test_a_fault_for_one_service_until_it_is_mended(network: Simulator) -> None:
    network_command("--fault", "refuse", "--service", "films")
    for _ in range(3):
        with pytest.raises(ProvisionerRefused):
            network.switch(order(1))
    assert network.switch(order(2, "sports")).is_done
    network_command("--mend")
    assert network.switch(order(1)).is_done


def test_the_same_fault_can_be_asked_for_again(network: Simulator) -> None:
    for number in range(2):
        network_command("--fault", "unavailable", "--times", "1")
        with pytest.raises(ProvisionerUnavailable):
            network.switch(order(number))
        assert network.switch(order(number)).is_done


@pytest.mark.parametrize("arguments", [("--times", "-1"), ("--latency", "-5")])
def test_nonsense_is_refused(network: Simulator, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        network_command(*arguments)
    assert not network.state.with_name(network.state.name + ".switches.json").exists()


def test_a_real_network_is_not_told_to_fail(settings: object) -> None:
    settings.PROVISIONER, settings.PROVISIONER_URL = "http", "http://127.0.0.1:9"  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="real network"):
        network_command("--fault", "refuse")
