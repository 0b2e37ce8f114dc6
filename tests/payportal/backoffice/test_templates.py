"""An operator's own words: what is refused, what is shown while they are written, and who may."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import AuditEntry, Operator
from payportal.backoffice import roles
from payportal.messaging import texts
from payportal.messaging.models import MessageTemplate
from payportal.messaging.occasions import OCCASIONS
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
ADD = "/admin/messaging/messagetemplate/add/"
PREVIEW = "/admin/messaging/messagetemplate/preview/"
MAY = ("view_messagetemplate", "add_messagetemplate", "change_messagetemplate", "delete_messagetemplate")


@pytest.fixture(autouse=True)
def _no_texts_yet(brisvik: world.House, solmara: world.House) -> None:
    MessageTemplate.objects.all().delete()


@pytest.fixture
def writer(brisvik: world.House) -> Client:
    """Somebody who may write texts, at one operator."""
    user = world.person("per", brisvik.operator, role=roles.SUPPORT)
    return world.logged_in(world.allow(user, *MAY))


def typed(operator: Operator, **changes: Any) -> dict[str, Any]:
    return {
        "operator": operator.pk,
        "name": "link",
        "language": "en",
        "medium": "sms",
        "subject": "",
        "label": "Pay",
        "body": "Hi from {operator}: {items}, {total}\n{link}\nCode {code}",
        "carrier_name": "",
        **changes,
    }


def kept(operator: Operator, **changes: Any) -> MessageTemplate:
    values = {key: value for key, value in typed(operator, **changes).items() if key != "operator"}
    return MessageTemplate.objects.create(operator=operator, changed_at=timezone.now(), **values)


def change_address(row: MessageTemplate) -> str:
    return reverse("admin:messaging_messagetemplate_change", args=[row.pk])


def test_it_works(writer: Client, brisvik: world.House) -> None:
    assert writer.post(ADD, typed(brisvik.operator)).status_code == 302
    row = MessageTemplate.objects.get()
    assert row.body.startswith("Hi from {operator}")
    assert row.changed_by.startswith("staff:")
    words = {"subject": "", "label": "Pay now", "body": "{operator} {total} {link} {code}", "carrier_name": ""}
    assert writer.post(change_address(row), words).status_code == 302
    row.refresh_from_db()
    assert (row.label, row.name, row.medium) == ("Pay now", "link", "sms")
    verbs = AuditEntry.objects.filter(subject_reference=f"messagetemplate:{row.pk}", operator=brisvik.operator)
    assert [each.verb for each in verbs.order_by("pk")] == ["add", "change"]
    assert writer.get("/admin/messaging/messagetemplate/").status_code == 200


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"body": "{totl} {link} {code}"}, "There is no {totl} here."),
        ({"body": "{operator.gateway_account} {link} {code}"}, "There is no {operator.gateway_account} here."),
        ({"body": "{{link}} {link} {code}"}, "There is no {} here."),
        ({"body": "{% debug %} {link} {code}"}, "There is no {% debug %} here."),
        ({"body": "{pin} {link} {code}"}, "There is no {pin} here."),
        ({"body": "{total} {code}"}, "The text must have {link}."),
        ({"body": "{total} {link}"}, "The text must have {code}."),
        ({"body": "pay"}, "The text must have {link}, {code}."),
        ({"name": "pin_code", "body": "{code}", "label": ""}, "The text must have {pin}."),
        ({"body": ""}, "This field is required."),
        ({"body": "{link}{code}" + "x" * 2000}, "at most 2000 characters"),
        ({"label": "{amout}"}, "There is no {amout} here."),
        ({"label": "{link}"}, "A locked phone would show {link}."),
        ({"medium": "email", "subject": ""}, "A mail needs a subject."),
        ({"medium": "email", "subject": "{code}"}, "A locked phone would show {code}."),
        ({"carrier_name": "bills"}, "Only WhatsApp has approved templates."),
        ({"language": "ar"}, "This operator doesn’t speak it."),
        ({"language": "xx"}, "Select a valid choice"),
        ({"name": "no-such"}, "Select a valid choice"),
        ({"medium": "pigeon"}, "Select a valid choice"),
    ],
)
def test_what_could_not_be_said_is_refused(
    writer: Client, brisvik: world.House, changes: dict[str, str], words: str
) -> None:
    answer = writer.post(ADD, typed(brisvik.operator, **changes))
    assert answer.status_code == 200
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert not MessageTemplate.objects.exists()


def test_what_is_changed_is_looked_at_as_closely(writer: Client, brisvik: world.House) -> None:
    row = kept(brisvik.operator)
    for body in ("{totl} {link} {code}", "nothing"):
        assert writer.post(change_address(row), {"label": "Pay", "body": body}).status_code == 200
    row.refresh_from_db()
    assert row.body.startswith("Hi from")


def test_one_text_for_each_place(writer: Client, brisvik: world.House) -> None:
    kept(brisvik.operator)
    assert "already exists" in writer.post(ADD, typed(brisvik.operator)).content.decode()
    assert MessageTemplate.objects.count() == 1


@pytest.mark.parametrize("medium", texts.MEDIA)
@pytest.mark.parametrize("language", ["en", "nb"])
def test_every_text_of_ours_is_a_good_beginning(
    writer: Client, brisvik: world.House, language: str, medium: str
) -> None:
    for name in OCCASIONS:
        ours = texts.default(name, language, medium)
        words = {"subject": ours.subject, "label": ours.label, "body": ours.body}
        place = {"name": name, "language": language, "medium": medium}
        assert writer.post(ADD, typed(brisvik.operator, **place, **words)).status_code == 302, (name, language, medium)


def test_our_own_text_comes_by_a_button_and_nothing_is_saved(writer: Client, brisvik: world.House) -> None:
    data = typed(brisvik.operator, medium="email", body="", _ours="Begin with our own text")
    page = writer.post(ADD, data).content.decode()
    assert "Here are your bills from {operator}." in page
    assert "Please correct" not in page
    row = kept(brisvik.operator)
    page = writer.post(change_address(row), {"label": "", "body": "", "_ours": "1"}).content.decode()
    assert "See and pay: {link}" in page
    row.refresh_from_db()
    assert row.body.startswith("Hi from")
    assert MessageTemplate.objects.count() == 1


def test_the_preview_button_saves_nothing(writer: Client, brisvik: world.House) -> None:
    """What works without JavaScript."""
    page = writer.post(ADD, typed(brisvik.operator, _preview="Preview")).content.decode()
    assert "Hi from Brisvik: 2 bills, NOK 1,047.00" in page
    assert "Please correct" not in page
    assert "Hi from {operator}" in page, "what was typed is still there"
    assert not MessageTemplate.objects.exists()


def preview(client: Client, data: dict[str, Any]) -> str:
    answer = client.post(PREVIEW, data, headers={"hx-request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_preview_says_how_long_an_sms_is(writer: Client, brisvik: world.House) -> None:
    shown = preview(writer, typed(brisvik.operator))
    assert "Hi from Brisvik: 2 bills, NOK 1,047.00<br>http" in shown
    assert "1 SMS segment " in shown
    assert "GSM-7" in shown
    assert "Each segment is paid for." not in shown
    shown = preview(writer, typed(brisvik.operator, body="Żółw: {operator} {total} {link} {code}"))
    assert "UCS-2" in shown
    assert "2 SMS segments" in shown
    assert "more than twice as long: Żół" in shown
    assert "Each segment is paid for." in shown
    shown = preview(writer, typed(brisvik.operator, medium="whatsapp"))
    assert "segment" not in shown


def test_the_preview_lists_bills_where_there_is_room(writer: Client, brisvik: world.House) -> None:
    shown = preview(writer, typed(brisvik.operator, medium="email", subject="From {operator}", body="{items}"))
    assert "<b>From Brisvik</b>" in shown
    assert "Broadband and TV: NOK\u00a0648.00, was due" in shown
    assert "The text must have {link}, {code}." in shown
    shown = preview(writer, typed(brisvik.operator, language="nb", body="{items}, {total}"))
    assert "2 regninger, 1 047,00 kr" in shown


def test_what_there_is_not_keeps_its_braces(writer: Client, brisvik: world.House) -> None:
    shown = preview(writer, typed(brisvik.operator, body="{totl} {operator}"))
    assert "{totl} Brisvik" in shown
    assert "There is no {totl} here." in shown


def test_it_says_what_can_be_filled_in(writer: Client, brisvik: world.House) -> None:
    shown = preview(writer, typed(brisvik.operator, name="pin_code"))
    assert "{pin}" in shown
    assert "{total}" not in shown.split("h-places")[1]


def test_what_is_typed_is_text(writer: Client, brisvik: world.House) -> None:
    """CASES attack 11."""
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    for data in (
        typed(brisvik.operator, body=attack),
        typed(brisvik.operator, body="{code}{link}" + attack, label=attack),
    ):
        for page in (preview(writer, data), writer.post(ADD, {**data, "_preview": "1"}).content.decode()):
            assert "<script>alert" not in page
            assert "<img" not in page
    row = kept(brisvik.operator, body=attack, label=attack)
    assert "<script>alert" not in writer.get(change_address(row)).content.decode()


def test_a_preview_of_nonsense_is_answered(writer: Client, brisvik: world.House) -> None:
    for data in (
        {},
        {"operator": "9" * 40, "body": "x"},
        {"operator": "²"},
        {"row": "x", "body": "{"},
        {"row": "9" * 18},
        typed(brisvik.operator, name="no-such"),
        typed(brisvik.operator, language="xx"),
        typed(brisvik.operator, medium="pigeon"),
    ):
        assert writer.post(PREVIEW, data).status_code == 200
    assert writer.get(PREVIEW).status_code == 405


def test_another_operators_texts_are_not_there(writer: Client, brisvik: world.House, solmara: world.House) -> None:
    """CASES attack 9."""
    theirs = kept(solmara.operator, body="Solmara says {link} {code}")
    words = {"label": "x", "body": "{link} {code}"}
    for answer in (writer.get(change_address(theirs)), writer.post(change_address(theirs), words)):
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/admin/"
    delete = reverse("admin:messaging_messagetemplate_delete", args=[theirs.pk])
    writer.post(delete, {"post": "yes"})
    assert "olmara" not in writer.get("/admin/messaging/messagetemplate/").content.decode()
    assert "olmara" not in writer.get(ADD).content.decode()
    assert writer.post(ADD, typed(solmara.operator)).status_code == 200
    assert "olmara" not in preview(writer, typed(solmara.operator))
    assert "olmara" not in preview(writer, {"row": theirs.pk, **words})
    theirs.refresh_from_db()
    assert theirs.body == "Solmara says {link} {code}"
    assert MessageTemplate.objects.count() == 1


@pytest.mark.parametrize("role", [roles.SUPPORT, roles.FINANCE])
def test_a_role_alone_writes_no_texts(brisvik: world.House, role: str) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=role))
    row = kept(brisvik.operator)
    words = {"label": "Pay", "body": "{link} {code}"}
    for address in (ADD, PREVIEW, change_address(row)):
        assert client.post(address, {**typed(brisvik.operator), **words}).status_code == 403, address
    assert MessageTemplate.objects.get().body == row.body


def test_who_is_nobody_reaches_nothing(brisvik: world.House) -> None:
    row = kept(brisvik.operator)
    for address in (ADD, PREVIEW, change_address(row), "/admin/messaging/messagetemplate/"):
        for answer in (Client().get(address), Client().post(address)):
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/admin/login/")


def test_who_may_only_look_sees_the_text_and_its_preview(brisvik: world.House) -> None:
    client = world.logged_in(world.allow(world.person("noor", brisvik.operator), "view_messagetemplate"))
    page = client.get(change_address(kept(brisvik.operator))).content.decode()
    assert "Hi from Brisvik: 2 bills" in page
    assert "_save" not in page
    assert 'name="_preview"' not in page


def test_ours_is_used_again_when_it_is_deleted(writer: Client, brisvik: world.House) -> None:
    row = kept(brisvik.operator)
    own = texts.text(brisvik.operator.pk, "link", "en", "sms")
    delete = reverse("admin:messaging_messagetemplate_delete", args=[row.pk])
    assert writer.post(delete, {"post": "yes"}).status_code == 302
    assert texts.text(brisvik.operator.pk, "link", "en", "sms") == texts.default("link", "en", "sms") != own
    assert AuditEntry.objects.filter(verb="delete", subject_reference=f"messagetemplate:{row.pk}").exists()


def test_the_page_needs_nothing_that_the_policy_refuses(writer: Client, brisvik: world.House) -> None:
    """CASES attack 5."""
    import re

    page = writer.get(ADD)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    text = page.content.decode()
    ours = text[text.index('id="preview"') :]
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|hx-on|\bon\w+=", ours)


def test_norwegian_staff_read_norwegian(writer: Client, brisvik: world.House) -> None:
    writer.defaults["HTTP_ACCEPT_LANGUAGE"] = "nb"
    page = writer.post(ADD, typed(brisvik.operator, body="{totl}")).content.decode()
    for words in ("Slik ser det ut", "Anledning", "En betalingslenke", "finnes ikke her", "Begynn med vår egen tekst"):
        assert words in page
