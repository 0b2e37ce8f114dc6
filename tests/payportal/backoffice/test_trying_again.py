"""Failed messages are tried again from their list: by those who may, of their own operators, and once."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import AuditEntry
from payportal.backoffice import roles
from payportal.messaging.models import Handover, Message
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
Status, Outcome = Message.Status, Handover.Outcome


@pytest.fixture
def agent(brisvik: world.House) -> Client:
    return world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))


@pytest.fixture
def failed(brisvik: world.House) -> Message:
    """A message of which two hand-overs didn't leave."""
    message = Message.objects.get(operator=brisvik.operator)
    Message.objects.filter(pk=message.pk).update(status=Status.FAILED, attempts=2, error="no credit")
    for reference in ("h1", "h2"):
        handed_over(message, reference, Outcome.NOT_SENT)
    return message


def handed_over(message: Message, reference: str, outcome: Outcome) -> Handover:
    now = timezone.now()
    return Handover.objects.create(
        message=message,
        reference=reference,
        channel="outbox",
        account="default",
        outcome=outcome,
        at=now,
        changed_at=now,
    )


def press(client: Client, *chosen: Message) -> str:
    """What the list says after Try again."""
    address = reverse("admin:messaging_message_changelist")
    data = {"action": "try_again", "_selected_action": [message.pk for message in chosen]}
    return client.post(address, data, follow=True).content.decode()


def test_it_works_and_the_second_agent_sees_what_the_first_did(
    agent: Client, brisvik: world.House, failed: Message
) -> None:
    assert "1 message will be tried again." in press(agent, failed)
    failed.refresh_from_db()
    assert (failed.status, failed.attempts, failed.error) == (Status.QUEUED, 0, "")
    colleague = world.logged_in(world.person("nils", brisvik.operator, role=roles.SUPPORT))
    page = press(colleague, failed)
    assert "1 message is being tried already." in page
    assert "will be tried again" not in page
    kept = AuditEntry.objects.get(verb="try-message-again")
    assert (kept.subject_reference, kept.operator) == (f"message:{failed.pk}", brisvik.operator)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNKNOWN, Outcome.GIVEN_UP, Outcome.UNDELIVERED])
def test_what_was_refused_or_may_have_arrived_is_left_and_the_page_says_why(
    agent: Client, failed: Message, outcome: Outcome
) -> None:
    handed_over(failed, "h3", outcome)
    assert "1 message was left alone. Only what failed and surely was not sent" in press(agent, failed)
    failed.refresh_from_db()
    assert (failed.status, failed.error) == (Status.FAILED, "no credit")
    assert not AuditEntry.objects.filter(verb="try-message-again").exists()


def test_superusers_may_and_others_have_no_such_action(
    brisvik: world.House, solmara: world.House, failed: Message
) -> None:
    reader = world.allow(world.person("odd", brisvik.operator), "view_message")
    stranger = world.person("sol", solmara.operator, role=roles.SUPPORT)
    for user in (reader, stranger):
        press(world.logged_in(user), failed)
        failed.refresh_from_db()
        assert failed.status == Status.FAILED, user.username
    assert (
        "try_again" not in world.logged_in(reader).get(reverse("admin:messaging_message_changelist")).content.decode()
    )
    root = world.logged_in(world.person("root", is_superuser=True))
    assert "1 message will be tried again." in press(root, failed)
