"""A link's story as steps that a page can show."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise

from billing.models import LinkEvent, PaymentLink
from payportal.backoffice import words


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened; ``marker`` is done, now or fail."""

    text: str | Promise
    at: datetime
    marker: str
    kind: str = ""

    @property
    def say(self) -> str | Promise:
        """What an agent may say to the customer now that this has happened; empty where nothing needs saying."""
        return words.SAY.get(self.kind, "")


def of_link(link: PaymentLink, limit: int = 100) -> list[Step]:
    """What happened on a link, oldest first; only the newest ``limit`` of a very long story."""
    newest = list(LinkEvent.objects.filter(link=link).order_by("-pk")[:limit])
    steps = []
    for position, event in enumerate(newest):
        marker = words.MARKERS.get(event.kind, "done")
        # Only the last thing can still be going on.
        if marker == "now" and position:
            marker = "done"
        steps.append(Step(words.of_kind(event.kind), event.at, marker, event.kind))
    return steps[::-1]
