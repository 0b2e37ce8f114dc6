"""A link's story as steps that a page can show."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.functional import Promise

from billing.models import LinkEvent, PaymentLink
from payportal.backoffice import actors, desk, words
from payportal.messaging.models import Message

# Looks at the page, and what the payer waits for meanwhile: who looks once more after paying need not be told to pay.
LOOKS = frozenset({"previewed", "opened", "in_app", "wallet_shown"})
PAID = frozenset({"processing", "succeeded", "order_started", "switched_on", "delayed", "refunded", "refund_failed"})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened; ``marker`` is done, now or fail."""

    text: str | Promise
    at: datetime
    marker: str
    kind: str = ""
    detail: str = ""
    stands: str = ""

    @property
    def say(self) -> str | Promise:
        """What an agent may say to the customer now that this has happened; empty where nothing needs saying.

        ``stands`` is what was true before and still is, where the step itself is but a look.
        """
        return words.SAY.get(self.stands or self.kind, "")


def of_link(link: PaymentLink, limit: int = 100) -> list[Step]:
    """What happened on a link, oldest first; only the newest ``limit`` of a very long story.

    That the link's message went out is an entry of the timeline; that it has not yet, or never will, is not.
    """
    newest = list(LinkEvent.objects.filter(link=link).order_by("-pk")[:limit])
    names = actors.names_of({event.actor for event in newest if event.actor})
    steps = []
    for position, event in enumerate(newest):
        marker = words.MARKERS.get(event.kind, "done")
        # Only the last thing can still be going on.
        if marker == "now" and position:
            marker = "done"
        said = [str(words.of_detail(event.kind, event.detail)), names.get(event.actor, "")]
        detail = ", ".join(filter(None, said))
        steps.append(Step(words.of_kind(event.kind), event.at, marker, event.kind, detail))
    return list(_standing(sorted([*steps[::-1], *_sending(link)], key=lambda step: step.at)))


def _standing(steps: Iterable[Step]) -> Iterator[Step]:
    stands = ""
    for step in steps:
        stands = step.kind if step.kind in PAID else stands if step.kind in LOOKS else ""
        yield replace(step, stands=stands) if step.kind in LOOKS else step


def _sending(link: PaymentLink) -> list[Step]:
    """How far the link's newest message is, unless it was sent."""
    message = Message.objects.filter(link=link, template=desk.LINK_TEMPLATE).order_by("-pk").first()
    # What was withheld has an entry of its own.
    if message is None or message.status in (*Message.ARRIVING, Message.Status.WITHHELD):
        return []
    kind = "not_sent" if message.status == Message.Status.FAILED else "resending" if message.error else "sending"
    return [Step(words.of_kind(kind), message.created_at, words.MARKERS[kind], kind, message.error)]
