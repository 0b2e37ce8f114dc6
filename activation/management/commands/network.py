from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from activation import provisioners
from activation.provisioners.simulator import FAULTS, Fault, Simulator


class Command(BaseCommand):
    """Switches what the simulated network does wrong, for all processes at once; without options it only tells."""

    help = "Show what the simulated network has switched, and switch its faults and its latency."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fault", choices=FAULTS, help="do this wrong from now on")
        parser.add_argument("--service", default="", help="only for this service code, such as films")
        parser.add_argument("--times", type=int, default=0, help="so many times, then no more (0: until --mend)")
        parser.add_argument("--latency", type=int, help="answer after so many milliseconds")
        parser.add_argument("--mend", action="store_true", help="do everything right again")

    def handle(self, *args: Any, **options: Any) -> None:
        network = provisioners.current()
        if not isinstance(network, Simulator):
            raise CommandError("PROVISIONER names a real network: only the simulated one can be told to fail")
        if options["times"] < 0 or (options["latency"] or 0) < 0:
            raise CommandError("--times and --latency can't be negative")
        if options["fault"] or options["latency"] is not None or options["mend"]:
            network.set_switches(latency_ms=options["latency"], faults=self._faults(network, options))
        for line in network.effects():
            self.stdout.write(f"{line['switched']:4}{line['service_code']:24}{line['service_reference']}")

    def _faults(self, network: Simulator, options: dict[str, Any]) -> list[Fault]:
        """At most one: a name of its own each time, so that ``--times`` begins anew."""
        if not options["fault"] or options["mend"]:
            return []
        name = f"{options['fault']}-{network.faults_so_far()}"
        return [Fault(name, options["fault"], service_code=options["service"], times=options["times"])]
