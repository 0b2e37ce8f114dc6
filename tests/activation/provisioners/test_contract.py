"""What every provisioner must keep, whatever stands behind it."""

from collections.abc import Iterator

import pytest

from activation.provisioners.base import (
    Provisioner,
    ProvisionerRefused,
    ProvisionerUnavailable,
    ProvisionerUnknown,
    ServiceOrder,
)
from activation.provisioners.http import HttpProvisioner
from activation.provisioners.simulator import (
    BROKEN_BEFORE,
    LOST_ANSWER,
    PENDING,
    REFUSE,
    UNAVAILABLE,
    Fault,
    Simulator,
)
from tests.activation import network_server

ORDER = ServiceOrder("key-1", "activate", "films", "service-1", "box-1", 30)


@pytest.fixture(params=["simulator", "http"])
def provisioner(request: pytest.FixtureRequest, network: Simulator) -> Iterator[Provisioner]:
    if request.param == "simulator":
        yield network
        return
    with network_server.serving(network) as server:
        yield HttpProvisioner(server.url, token=network_server.TOKEN, timeout=2)


def test_it_works(provisioner: Provisioner, network: Simulator) -> None:
    state = provisioner.switch(ORDER)
    assert state.is_done
    assert state.network_reference
    [effect] = network.effects()
    assert effect["switched"] == "on"
    assert (effect["service_code"], effect["device_reference"], effect["duration_days"]) == ("films", "box-1", 30)


def test_the_same_key_twice_is_done_once(provisioner: Provisioner, network: Simulator) -> None:
    first = provisioner.switch(ORDER)
    assert provisioner.switch(ORDER) == first
    assert len(network.effects()) == 1


def test_already_on_is_success(provisioner: Provisioner, network: Simulator) -> None:
    provisioner.switch(ORDER)
    again = ServiceOrder("key-2", "activate", "films", "service-1", "box-1", 30)
    assert provisioner.switch(again).is_done
    assert len(network.effects()) == 1


def test_on_off_and_on_again_are_three_orders(provisioner: Provisioner, network: Simulator) -> None:
    provisioner.switch(ORDER)
    provisioner.switch(ServiceOrder("key-2", "end", "films", "service-1"))
    assert not network.is_on("service-1")
    provisioner.switch(ServiceOrder("key-3", "restore", "films", "service-1"))
    assert network.is_on("service-1")
    assert [line["switched"] for line in network.effects("service-1")] == ["on", "off", "on"]


def test_it_knows_what_it_has_done_and_nothing_else(provisioner: Provisioner) -> None:
    assert provisioner.look_up("key-1") is None
    done = provisioner.switch(ORDER)
    assert provisioner.look_up("key-1") == done
    assert provisioner.look_up("key-2") is None


def test_a_lost_answer_is_unknown_and_can_be_asked_for(provisioner: Provisioner, network: Simulator) -> None:
    network.set_switches(faults=[Fault("once", LOST_ANSWER, times=1)])
    with pytest.raises(ProvisionerUnknown):
        provisioner.switch(ORDER)
    known = provisioner.look_up("key-1")
    assert known is not None
    assert known.is_done
    assert provisioner.switch(ORDER).is_done
    assert len(network.effects()) == 1


def test_broken_before_it_did_anything_is_unknown_too(provisioner: Provisioner, network: Simulator) -> None:
    network.set_switches(faults=[Fault("once", BROKEN_BEFORE, times=1)])
    with pytest.raises(ProvisionerUnknown):
        provisioner.switch(ORDER)
    assert provisioner.look_up("key-1") is None
    assert network.effects() == []


def test_busy_is_not_unknown(provisioner: Provisioner, network: Simulator) -> None:
    network.set_switches(faults=[Fault("once", UNAVAILABLE, times=1)])
    with pytest.raises(ProvisionerUnavailable):
        provisioner.switch(ORDER)
    assert network.effects() == []
    assert provisioner.switch(ORDER).is_done


def test_a_no_is_a_no(provisioner: Provisioner, network: Simulator) -> None:
    network.set_switches(faults=[Fault("never", REFUSE, service_code="films")])
    with pytest.raises(ProvisionerRefused):
        provisioner.switch(ORDER)
    assert provisioner.switch(ServiceOrder("key-2", "activate", "sports", "service-2")).is_done
    assert [line["service_code"] for line in network.effects()] == ["sports"]


def test_taken_but_not_done_yet(provisioner: Provisioner, network: Simulator) -> None:
    network.set_switches(faults=[Fault("once", PENDING, times=1)])
    assert not provisioner.switch(ORDER).is_done
    assert provisioner.look_up("key-1") is not None
