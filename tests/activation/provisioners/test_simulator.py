"""The simulated network, as several processes and restarts see it."""

import json
import subprocess
import sys
import threading
import time

import pytest

from activation.provisioners.base import ProvisionerUnavailable, ServiceOrder
from activation.provisioners.simulator import LOST_ANSWER, UNAVAILABLE, Fault, Simulator

ORDER = ServiceOrder("key-1", "activate", "films", "service-1", "box-1", 30)

CHILD = """
import sys
from pathlib import Path
from activation.provisioners.base import ServiceOrder
from activation.provisioners.simulator import Simulator
simulator = Simulator(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    simulator.switch(ServiceOrder(f"key-{number}", "activate", "films", f"service-{number}"))
"""


def test_it_works(network: Simulator) -> None:
    assert network.switch(ORDER).is_done
    assert network.is_on("service-1")


def test_it_remembers_across_a_restart(network: Simulator) -> None:
    network.switch(ORDER)
    restarted = Simulator(network.state)
    assert restarted.look_up("key-1") is not None
    restarted.switch(ORDER)
    assert len(restarted.effects()) == 1


def test_two_open_at_once_see_each_other(network: Simulator) -> None:
    other = Simulator(network.state)
    assert other.look_up("key-1") is None
    network.switch(ORDER)
    assert other.look_up("key-1") is not None


def test_a_line_cut_off_by_a_kill_never_happened(network: Simulator) -> None:
    network.switch(ORDER)
    with network.state.open("ab") as file:
        file.write(b'{"kind":"effect","key":"key-2","swit')
    for simulator in (network, Simulator(network.state)):
        assert simulator.look_up("key-2") is None
    assert network.switch(ServiceOrder("key-2", "activate", "films", "service-2")).is_done
    assert [json.loads(line)["key"] for line in network.state.read_bytes().splitlines()] == ["key-1", "key-2"]


def test_a_file_thrown_away_is_a_new_network(network: Simulator) -> None:
    network.switch(ORDER)
    network.state.unlink()
    assert network.look_up("key-1") is None
    assert network.effects() == []


def test_a_fault_happens_as_often_as_it_is_told_to_in_all_processes_together(network: Simulator) -> None:
    network.set_switches(faults=[Fault("twice", UNAVAILABLE, times=2)])
    for simulator in (network, Simulator(network.state)):
        with pytest.raises(ProvisionerUnavailable):
            simulator.switch(ORDER)
    assert Simulator(network.state).switch(ORDER).is_done


def test_garbled_switches_are_none(network: Simulator) -> None:
    network.set_switches(faults=[Fault("once", UNAVAILABLE)])
    network.state.with_name(network.state.name + ".switches.json").write_text('{"faults": [{"hm')
    assert network.switch(ORDER).is_done


def test_an_unknown_fault_is_refused(network: Simulator) -> None:
    with pytest.raises(ValueError, match="none of"):
        network.set_switches(faults=[Fault("x", "explode")])


def test_latency_can_be_switched(network: Simulator) -> None:
    network.set_switches(latency_ms=120)
    began = time.monotonic()
    network.switch(ORDER)
    assert time.monotonic() - began >= 0.12


def test_one_key_on_eight_threads_is_done_once(network: Simulator) -> None:
    network.set_switches(latency_ms=5, faults=[Fault("some", LOST_ANSWER, times=3)])
    barrier = threading.Barrier(8)

    def call() -> None:
        barrier.wait()
        try:
            Simulator(network.state).switch(ORDER)
        except Exception:
            return

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(network.effects()) == 1


def test_two_processes_with_the_same_keys_do_each_once(network: Simulator) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, str(network.state), "200"], env=_environment()) for _ in range(2)
    ]
    assert [child.wait(60) for child in children] == [0, 0]
    assert len(network.effects()) == 200


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": "."}
