"""Whoever steals the database, a log or the broker holds no address that opens anything."""

import re
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from billing import links, receipts
from billing.models import Operator, Payment, PaymentLink
from payportal.demo.models import OutboxMessage
from payportal.messaging import messages
from tests.flows.test_canaries import everything_in
from tests.system.stack import Stack
from tests.system.story import Story, finish, until

pytestmark = pytest.mark.slow
# What stands between a link's selector and its end in an address: expiry and code, as links.rest writes them.
REST = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{27}(?![A-Za-z0-9_-])")


def dump(stack: Stack) -> str:
    """The whole database as a thief would have it."""
    program = Path(stack.postgres.command(stack.folder / "unused.log").argv[0]).with_name("pg_dump")
    if not program.exists():
        pytest.skip("these binaries of PostgreSQL have no pg_dump")
    said = subprocess.run(
        [program, "--dbname", stack.postgres.url(), "--inserts"], capture_output=True, text=True, timeout=120
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


def send_link(story: Story) -> None:
    """By message, as an agent does it."""
    link = story.phone.link
    messages.queue(
        operator=link.operator,
        customer=link.customer,
        template="link",
        reference=f"link:{link.pk}",
        context={},
        now=timezone.now(),
        link=link,
    )
    until(lambda: OutboxMessage.objects.filter(reference=f"link:{link.pk}").exists(), "the message with the link")


def opened_by(text: str) -> list[str]:
    """What in this text opens a link: its own address, or any 27 characters that pass for one's second half."""
    found = [f"link {link.pk}" for link in PaymentLink.objects.select_related("operator") if links.rest(link) in text]
    candidates = set(REST.findall(text))
    for selector in PaymentLink.objects.values_list("selector", flat=True):
        for candidate in candidates:
            for operator in Operator.objects.all():
                try:
                    links.resolve(operator, selector, candidate, timezone.now())
                except links.LinkUnusable:
                    continue
                found.append(f"{selector} by {len(candidate)} characters")
    return found


def test_a_dump_the_logs_and_the_broker_open_nothing(stack: Stack) -> None:
    story = Story(stack).open()
    send_link(story)
    path = links.path(story.phone.link)
    for address in (path, f"/q{path[2:]}.jpg", path[:-1] + ("A" if path[-1] != "A" else "B"), "/p/a/b", "/verify"):
        story.phone.get(address)
    story.confirm(story.tap())
    finish(story)
    story.phone.get(f"/r/{receipts.token(story.payment)}")
    logs = {file.name: file.read_text(errors="replace") for file in stack.folder.glob("*.log")}
    places = {"the dump": dump(stack), "the broker": everything_in(stack.valkey.url())} | logs
    assert story.phone.link.selector in places["the dump"]
    assert any("request_finished" in text for text in logs.values())
    payments = list(Payment.objects.select_related("operator"))
    secrets = [receipts.token(payment)[22:] for payment in payments]
    secrets += [links.status_token(payment)[22:] for payment in payments]
    # Else it would find nothing in any dump.
    assert opened_by(f"GET {path} HTTP/1.1") != []
    for place, text in places.items():
        assert opened_by(text) == [], place
        assert not [secret for secret in secrets if secret in text], place
