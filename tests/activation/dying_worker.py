"""A worker that does what is due until it is killed at the point that DIE names.

The kills stand at the edges: around the network's adapter, in a subscriber (just before the commit) and in a hook that
runs right after the commit.
"""

import os
import signal
from datetime import timedelta

import django


def die(point: str) -> None:
    if os.environ["DIE"] == point:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    django.setup()
    from django.db import transaction

    from activation import jobs, provisioners
    from activation.events import ServiceActivated
    from activation.provisioners.base import ServiceOrder, ServiceState
    from activation.provisioners.simulator import Simulator
    from billing import events
    from tests.activation.made import NOW

    class Deadly(Simulator):
        def switch(self, order: ServiceOrder) -> ServiceState:
            die("before the call")
            state = super().switch(order)
            die("after the call")
            return state

        def look_up(self, idempotency_key: str) -> ServiceState | None:
            state = super().look_up(idempotency_key)
            if state is not None:
                die("after the call")
            return state

    def last(event: ServiceActivated) -> None:
        transaction.on_commit(lambda: die("after the commit"))
        die("before the commit")

    network = Deadly(provisioners.simulator_state())
    provisioners.REGISTRY["simulator"] = lambda: network
    events.subscribe(ServiceActivated, last)
    jobs.run_due(lambda: NOW + timedelta(seconds=1))


if __name__ == "__main__":
    main()
