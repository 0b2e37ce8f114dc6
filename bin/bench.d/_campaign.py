"""One campaign in a process of its own, so that its memory can be told: prints seconds, messages and kilobytes.

usage: _campaign.py ours|plain NAME
"""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path


def main(how: str, name: str) -> None:
    import django

    django.setup()
    from billing.models import Operator
    from payportal.messaging.models import Message

    operator = Operator.objects.get(is_default=True)
    before, begun = peak_kb(), time.perf_counter()
    {"ours": ours, "plain": plain}[how](operator.code, name)
    seconds = time.perf_counter() - begun
    count = Message.objects.filter(reference__startswith=f"campaign:{name}:").count()
    print(json.dumps({"seconds": seconds, "count": count, "before_kb": before, "peak_kb": peak_kb()}))


def peak_kb() -> int:
    """The most memory that this program has had so far; nothing where the system doesn't tell (no /proc).

    ``getrusage`` would count what the process was before it became this program.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def ours(operator: str, name: str) -> None:
    from io import StringIO

    from django.core.management import call_command

    call_command("send_links", "--operator", operator, "--name", name, stdout=StringIO())


def plain(operator: str, name: str) -> None:
    """Links and messages by ``bulk_create`` and nothing else: who owes is not asked, nor who was told, nor is who did
    what kept; no code to prove who sent it, and what was written before is left out by the database."""
    import secrets

    from django.utils import timezone

    from billing.models import Customer, PaymentLink
    from payportal.messaging.models import Message

    now, last = timezone.now(), 0
    everybody = Customer.objects.filter(operator__code=operator).select_related("operator").order_by("pk")
    while customers := list(everybody.filter(pk__gt=last)[:1000]):
        last = customers[-1].pk
        links = PaymentLink.objects.bulk_create(
            PaymentLink(
                operator=customer.operator,
                customer=customer,
                currency="NOK",
                selector=secrets.token_urlsafe(8),
                created_at=now,
                created_by="plain",
                expires_at=now + timedelta(days=7),
            )
            for customer in customers
        )
        Message.objects.bulk_create(
            (
                Message(
                    operator=link.operator,
                    customer=link.customer,
                    link=link,
                    reference=f"campaign:{name}:{link.customer_id}",
                    template="link",
                    language="en",
                    channel="outbox",
                    created_at=now,
                    next_attempt_at=now,
                )
                for link in links
            ),
            ignore_conflicts=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
