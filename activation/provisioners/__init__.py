"""The registry of provisioners: settings name one by its code."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from activation.provisioners.base import Provisioner
from activation.provisioners.http import HttpProvisioner
from activation.provisioners.simulator import Simulator


def current() -> Provisioner:
    """The one that settings name. Raises ImproperlyConfigured for a code that nobody answers to."""
    try:
        make = REGISTRY[settings.PROVISIONER]
    except KeyError:
        known = ", ".join(sorted(REGISTRY))
        raise ImproperlyConfigured(f"PROVISIONER is {settings.PROVISIONER!r}; there are: {known}") from None
    return make()


def simulator_state() -> Path:
    """Where the simulated network keeps what it did; every process of one installation must name the same file."""
    return Path(settings.SIMULATOR_STATE or settings.BASE_DIR / ".local" / "network.jsonl")


def _simulator() -> Provisioner:
    return _one_simulator(simulator_state(), settings.SIMULATOR_LATENCY_MS)


# One for each process and file: it keeps an index of what it has read.
@lru_cache(maxsize=8)
def _one_simulator(state: Path, latency_ms: int) -> Simulator:
    return Simulator(state, latency_ms=latency_ms)


def _http() -> Provisioner:
    return HttpProvisioner(settings.PROVISIONER_URL, token=settings.PROVISIONER_TOKEN)


REGISTRY: dict[str, Callable[[], Provisioner]] = {"simulator": _simulator, "http": _http}
