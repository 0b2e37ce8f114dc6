"""How an operator speaks, alarms, numbers that can't be written to, and PINs: what staff edit and may not."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing import alarms, links, pins
from billing.models import AccountPin, Alarm, AuditEntry, ProofRule
from payportal.backoffice import roles, timeline
from payportal.backoffice.admin import speaking
from payportal.messaging.models import ContactMedium, MessagingPolicy, ReminderRule
from tests.payportal.backoffice import world
from tests.payportal.backoffice.test_editing import _operator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]


@pytest.fixture
def root() -> Client:
    return world.logged_in(world.person("root", is_superuser=True))


@pytest.fixture
def agent(brisvik: world.House) -> Client:
    return world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))


def parts(prefix: str, *forms: dict[str, str]) -> dict[str, str]:
    data = {f"{prefix}-TOTAL_FORMS": str(len(forms)), f"{prefix}-INITIAL_FORMS": "0"}
    return data | {f"{prefix}-{n}-{key}": value for n, form in enumerate(forms) for key, value in form.items()}


def change(root: Client, house: world.House, **data: str) -> int:
    address = reverse("admin:billing_operator_change", args=[house.operator.pk])
    return root.post(address, _operator(house) | data).status_code


POLICY = {
    "account": "default",
    "fallback_channel": "twilio_sms",
    "whatsapp_shows": "qr",
    "on_unknown": "leave",
    "quiet_from": "21:00",
    "quiet_until": "08:00",
    "cap_messages": "2",
    "cap_days": "7",
}
NUDGE = {"code": "nudge", "days": "3", "at": "10:00", "template": "reminder", "fee_amount": "", "is_active": "on"}
FEE = {"code": "fee", "days": "28", "at": "10:00", "template": "reminder", "fee_amount": "35.00", "is_active": "on"}


def test_a_policy_is_written_on_the_operators_page(root: Client, brisvik: world.House) -> None:
    assert change(root, brisvik, **parts("messaging_policy", POLICY)) == 302
    policy = MessagingPolicy.objects.get(operator=brisvik.operator)
    assert (policy.fallback_channel, policy.whatsapp_shows, policy.cap_messages) == ("twilio_sms", "qr", 2)


@pytest.mark.parametrize("wrong", [{"fallback_channel": "outbox"}, {"fallback_channel": "pigeon"}, {"cap_days": "0"}])
def test_a_policy_that_cannot_be_kept_is_refused(root: Client, brisvik: world.House, wrong: dict[str, str]) -> None:
    assert change(root, brisvik, **parts("messaging_policy", POLICY | wrong)) == 200
    assert not MessagingPolicy.objects.filter(operator=brisvik.operator).exists()


def test_a_fee_needs_a_friendly_reminder_two_weeks_before(root: Client, brisvik: world.House) -> None:
    ReminderRule.objects.filter(operator=brisvik.operator).delete()
    assert change(root, brisvik, **parts("reminder_rules", FEE)) == 200
    assert change(root, brisvik, **parts("reminder_rules", NUDGE | {"days": "20"}, FEE)) == 200
    assert change(root, brisvik, **parts("reminder_rules", NUDGE, FEE | {"days": "13"})) == 200
    assert not ReminderRule.objects.filter(operator=brisvik.operator).exists()
    assert change(root, brisvik, **parts("reminder_rules", NUDGE, FEE)) == 302
    assert ReminderRule.objects.filter(operator=brisvik.operator).count() == 2


def test_when_a_pin_is_asked_for(root: Client, brisvik: world.House) -> None:
    assert change(root, brisvik, **parts("proof_rules", {"action": "open", "amount_from": "100"})) == 200
    rule = {"action": "pay", "amount_from": "500", "via": "email", "is_active": "on"}
    assert change(root, brisvik, **parts("proof_rules", rule)) == 302
    assert ProofRule.objects.get(operator=brisvik.operator).amount_from == 50000


def test_sums_are_typed_and_shown_as_people_write_them(root: Client, brisvik: world.House) -> None:
    """Who types 35 means 35 kroner, and who saves the page again changes nothing."""
    ReminderRule.objects.filter(operator=brisvik.operator).delete()
    assert change(root, brisvik, **parts("reminder_rules", NUDGE, FEE | {"fee_amount": "35.005"})) == 200
    assert change(root, brisvik, **parts("reminder_rules", NUDGE, FEE | {"fee_amount": "-35"})) == 200
    assert change(root, brisvik, **parts("reminder_rules", NUDGE, FEE)) == 302
    assert ReminderRule.objects.get(operator=brisvik.operator, code="fee").fee_amount == 3500
    address = reverse("admin:billing_operator_change", args=[brisvik.operator.pk])
    page = " ".join(root.get(address, headers={"accept-language": "en"}).content.decode().split())
    assert 'name="reminder_rules-0-fee_amount" value="35.00"' in page or (
        'name="reminder_rules-1-fee_amount" value="35.00"' in page
    )


def test_a_new_operators_rules_come_after_its_currency(root: Client, brisvik: world.House) -> None:
    page = root.get(reverse("admin:billing_operator_add"), headers={"accept-language": "en"}).content.decode()
    assert 'name="currency"' in page
    assert "reminder_rules-" not in page


def test_the_operators_page_says_in_words_what_is_kept_back_and_when(root: Client, brisvik: world.House) -> None:
    """The hour of a reminder is the operator's own: no note compares it with the reader's clock."""
    assert {code for code, _words in speaking.ACTIONS} == set(ProofRule.Action.values)
    assert change(root, brisvik, **parts("reminder_rules", NUDGE)) == 302
    address = reverse("admin:billing_operator_change", args=[brisvik.operator.pk])
    page = root.get(address, headers={"accept-language": "en"}).content.decode()
    assert "Seeing every line of a bill" in page
    assert 'type="time" name="reminder_rules-0-at" value="10:00"' in " ".join(page.split())
    assert "vTimeField" not in page


def test_open_alarms_stand_on_the_first_page_and_are_closed_once(
    agent: Client, brisvik: world.House, solmara: world.House
) -> None:
    page = agent.get("/admin/").content.decode()
    assert "probing: brisvik" in page
    assert "probing: solmara" not in page
    own, other = (Alarm.objects.get(subject=code) for code in ("brisvik", "solmara"))
    address = reverse("admin:billing_alarm_changelist")
    for _ in range(2):
        agent.post(address, {"action": "close", "_selected_action": [own.pk, other.pk]})
    own.refresh_from_db()
    other.refresh_from_db()
    assert own.closed_at
    assert other.closed_at is None, "another operator's"
    assert AuditEntry.objects.filter(verb="close-alarm", subject_reference=f"alarm:{own.pk}").count() == 1
    assert alarms.raise_alarm("probing", "brisvik", timezone.now(), operator=brisvik.operator), "it may come again"


def test_a_number_that_can_be_reached_again_is_tried_and_an_opt_out_stays(agent: Client, brisvik: world.House) -> None:
    row = ContactMedium.objects.get(operator=brisvik.operator)
    ContactMedium.objects.filter(pk=row.pk).update(opted_out_at=timezone.now())
    address = reverse("admin:messaging_contactmedium_changelist")
    assert brisvik.customer.phone not in agent.get(address).content.decode()
    for _ in range(2):
        agent.post(address, {"action": "try_again", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.unreachable_at is None
    assert row.opted_out_at is not None
    assert AuditEntry.objects.filter(verb="try-contact-again").count() == 1


def test_an_agent_sets_a_pin_that_nobody_can_read(agent: Client, brisvik: world.House) -> None:
    address = reverse("admin:billing_customer_pin", args=[brisvik.customer.pk])
    page = agent.post(address, {"pin": "4711"}, follow=True).content.decode()
    assert "The customer has a new PIN." in page
    assert "4711" not in page
    link = links.create(customer=brisvik.customer, currency="NOK", actor="staff:1", now=timezone.now())
    assert pins.check(link, "4711", timezone.now()) is pins.Checked.RIGHT
    assert "four to eight digits" in agent.post(address, {"pin": "1111"}, follow=True).content.decode()
    agent.post(address, {"remove": "1"})
    agent.post(address, {"remove": "1"})
    assert not AccountPin.objects.exists()
    verbs = AuditEntry.objects.filter(subject_reference=f"customer:{brisvik.customer.pk}")
    assert list(verbs.filter(verb__endswith="pin").order_by("pk").values_list("verb", flat=True)) == [
        "set-pin",
        "remove-pin",
    ]


def test_pins_are_for_those_who_may(brisvik: world.House, solmara: world.House) -> None:
    address = reverse("admin:billing_customer_pin", args=[brisvik.customer.pk])
    finance = world.logged_in(world.person("fin", brisvik.operator, role=roles.FINANCE))
    assert finance.post(address, {"pin": "4711"}).status_code == 403
    stranger = world.logged_in(world.person("sol", solmara.operator, role=roles.SUPPORT))
    assert stranger.post(address, {"pin": "4711"}).status_code == 404
    assert not AccountPin.objects.exists()


def test_a_timeline_says_who_made_the_link_and_on_what_it_was_opened(brisvik: world.House) -> None:
    now = timezone.now()
    noor = world.person("noor2", brisvik.operator, role=roles.SUPPORT)
    link = links.create(customer=brisvik.customer, currency="NOK", actor=f"staff:{noor.pk}", now=now)
    links.mark_previewed(link, now)
    links.mark_opened(link, now, device="phone")
    for kind, detail in (("failed", "insufficient_funds"), ("withheld", "opted_out"), ("delivered", "link")):
        links.note(link, kind, now, detail=detail)
    links.note(link, "wallet_shown", now, detail="apple_pay google_pay")
    said = [(str(step.text), step.detail) for step in timeline.of_link(link)]
    assert said == [
        ("Link made", "noor2"),
        ("A robot looked. Nothing was opened", ""),
        ("Opened", "on a phone"),
        ("Refused. Nothing was taken", "there is not enough money on the card"),
        ("Not sent after all", "they want no more messages there"),
        ("Delivered", "A payment link"),
        ("A wallet can be used", "Apple Pay, Google Pay"),
    ]


def test_who_looks_again_after_paying_is_not_told_to_pay(brisvik: world.House) -> None:
    now = timezone.now()
    link = links.create(customer=brisvik.customer, currency="NOK", actor="system:test", now=now)
    links.note(link, "opened", now, detail="phone")
    assert "choose how to pay" in str(timeline.of_link(link)[-1].say)
    links.note(link, "succeeded", now)
    links.note(link, "opened", now, detail="tablet")
    links.note(link, "in_app", now, detail="whatsapp")
    assert "It is paid" in str(timeline.of_link(link)[-1].say)
    links.note(link, "failed", now)
    links.note(link, "opened", now, detail="computer")
    assert "choose how to pay" in str(timeline.of_link(link)[-1].say)
