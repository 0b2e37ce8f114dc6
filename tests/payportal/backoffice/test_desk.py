"""What agents do for a customer on the phone; each with its twice-twin."""

import json
import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
import zxingcpp
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from billing import links
from billing.models import AuditEntry, LinkEvent, Payment, PaymentLink
from payportal.backoffice import desk, roles, words
from payportal.messaging.models import Consent, Message
from payportal.messaging.outcomes import TIMELINE_KINDS
from tests import threads
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]


@pytest.fixture
def agent(brisvik: world.House) -> Client:
    return world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))


def _do(client: Client, link: PaymentLink, verb: str, **data: object) -> str:
    """Press a button on a link's page; what the next page says."""
    address = reverse(f"admin:billing_paymentlink_{verb}", args=[link.pk])
    return client.post(address, data, follow=True).content.decode()


def _make(client: Client, house: world.House, newest_seen: int) -> str:
    address = reverse("admin:billing_customer_make_link", args=[house.customer.pk])
    return client.post(address, {"newest_seen": newest_seen}, follow=True).content.decode()


def test_it_works(agent: Client, brisvik: world.House) -> None:
    page = agent.get(reverse("admin:billing_customer_change", args=[brisvik.customer.pk])).content.decode()
    assert "Owes NOK\u00a0777.00" in page
    assert f'name="newest_seen" value="{brisvik.link.pk}"' in page
    assert "The link is made." in _make(agent, brisvik, brisvik.link.pk)
    made = PaymentLink.objects.latest("pk")
    assert (made.customer, made.currency) == (brisvik.customer, "NOK")
    assert made.created_by.startswith("staff:")
    assert AuditEntry.objects.filter(subject_reference=f"link:{made.pk}", verb="make-link").exists()


def test_a_link_is_in_the_currency_of_the_operator(solmara: world.House) -> None:
    client = world.logged_in(world.person("sol", solmara.operator, role=roles.SUPPORT))
    client.defaults["HTTP_HOST"] = solmara.operator.host
    _make(client, solmara, solmara.link.pk)
    assert PaymentLink.objects.latest("pk").currency == "EUR"


def test_two_clicks_make_one_link(agent: Client, brisvik: world.House) -> None:
    _make(agent, brisvik, brisvik.link.pk)
    count = PaymentLink.objects.count()
    assert "A link was made a moment ago" in _make(agent, brisvik, brisvik.link.pk)
    assert PaymentLink.objects.count() == count


def test_a_newer_link_that_has_ended_is_no_answer(agent: Client, brisvik: world.House) -> None:
    _make(agent, brisvik, brisvik.link.pk)
    newer = PaymentLink.objects.latest("pk")
    links.revoke(newer, actor="staff:1", now=timezone.now())
    assert "The link is made." in _make(agent, brisvik, brisvik.link.pk)


@pytest.mark.django_db(transaction=True)
def test_eight_clicks_at_once_make_one_link(brisvik: world.House) -> None:
    seen, count = brisvik.link.pk, PaymentLink.objects.count()

    def click() -> tuple[PaymentLink, bool]:
        return desk.make_link(brisvik.customer, newest_seen=seen, actor="staff:1", now=timezone.now())

    results = threads.at_once(*[click] * 8)
    assert threads.errors(results) == []
    assert PaymentLink.objects.count() == count + 1
    assert [was_made for _, was_made in results].count(True) == 1
    assert len({link.pk for link, _ in results}) == 1


def test_a_code_is_shown_written_down_and_kept_nowhere(agent: Client, brisvik: world.House) -> None:
    address = reverse("admin:billing_paymentlink_code", args=[brisvik.link.pk])
    response = agent.post(address)
    page = response.content.decode()
    secret = links.rest(brisvik.link)
    assert links.url(brisvik.link) in page
    assert "<svg" in page
    assert "style=" not in page
    assert "no-store" in response["Cache-Control"]
    assert AuditEntry.objects.filter(verb="show-link", subject_reference=f"link:{brisvik.link.pk}").count() == 1
    agent.post(address)
    assert AuditEntry.objects.filter(verb="show-link").count() == 2, "each look at it is one"
    assert secret not in _dump()
    # The link's own page never shows it.
    assert secret not in agent.get(reverse("admin:billing_paymentlink_change", args=[brisvik.link.pk])).content.decode()


def test_a_code_for_print_is_a_file_written_down_and_kept_nowhere(agent: Client, brisvik: world.House) -> None:
    page = agent.post(reverse("admin:billing_paymentlink_code", args=[brisvik.link.pk])).content.decode()
    address = reverse("admin:billing_paymentlink_print", args=[brisvik.link.pk])
    assert f'method="post" action="{address}"' in page
    shown = AuditEntry.objects.filter(verb="show-link", subject_reference=f"link:{brisvik.link.pk}")
    response = agent.post(address)
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    assert response["Content-Disposition"] == f'attachment; filename="link-{brisvik.link.pk}.png"'
    assert "no-store" in response["Cache-Control"]
    picture = Image.open(BytesIO(response.content))
    [found] = zxingcpp.read_barcodes(picture)
    assert found.text.casefold() == links.url(brisvik.link).casefold()
    assert picture.height > picture.width, "the host stands beneath"
    assert [entry.reason for entry in shown.order_by("pk")] == ["", "for print"]
    agent.post(address)
    assert shown.count() == 3, "each is one"
    assert links.rest(brisvik.link) not in _dump()


def _dump() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    return json.dumps(found)


def test_a_link_is_sent_once_for_each_time_it_is_asked_for(agent: Client, brisvik: world.House) -> None:
    assert "on its way" in _do(agent, brisvik.link, "send", times_seen=0)
    assert "was sent a moment ago" in _do(agent, brisvik.link, "send", times_seen=0)
    assert desk.times_sent(brisvik.link) == 1
    assert "on its way" in _do(agent, brisvik.link, "send", times_seen=1)
    assert desk.times_sent(brisvik.link) == 2
    message = Message.objects.filter(template="link").earliest("pk")
    assert message.customer == brisvik.customer
    assert message.context == {}


@pytest.mark.parametrize("seen", ["", "-1", "99", "1e3", "٣", "9" * 40, "0; DROP TABLE"])
def test_a_garbled_count_sends_nothing(agent: Client, brisvik: world.House, seen: str) -> None:
    _do(agent, brisvik.link, "send", times_seen=seen)
    assert desk.times_sent(brisvik.link) == 0


@pytest.mark.django_db(transaction=True)
def test_two_agents_send_it_once(brisvik: world.House) -> None:
    """Fault 18: the second sees what the first did."""

    def send(who: int) -> bool:
        return desk.send_link(brisvik.link, times_seen=0, actor=f"staff:{who}", now=timezone.now())

    results = threads.at_once(lambda: send(1), lambda: send(2), lambda: send(3))
    assert sorted(results) == [False, False, True]
    assert desk.times_sent(brisvik.link) == 1
    assert AuditEntry.objects.filter(verb="send-link").count() == 1


def test_a_link_is_withdrawn_once(agent: Client, brisvik: world.House) -> None:
    assert "opens nothing from now on" in _do(agent, brisvik.link, "withdraw")
    assert "withdrawn before" in _do(agent, brisvik.link, "withdraw")
    assert LinkEvent.objects.filter(link=brisvik.link, kind="revoked").count() == 1
    with pytest.raises(links.LinkUnusable):
        links.resolve(brisvik.operator, brisvik.link.selector, links.rest(brisvik.link), timezone.now())


@pytest.mark.parametrize("verb", ["code", "print", "send"])
def test_an_ended_link_is_neither_shown_nor_sent(agent: Client, brisvik: world.House, verb: str) -> None:
    links.revoke(brisvik.link, actor="staff:1", now=timezone.now())
    assert "This link has ended" in _do(agent, brisvik.link, verb, times_seen=0)
    old = links.create(
        customer=brisvik.customer,
        currency="NOK",
        actor="staff:1",
        now=timezone.now() - timedelta(hours=3),
        lifetime=timedelta(hours=1),
    )
    assert "This link has ended" in _do(agent, old, verb, times_seen=0)
    assert not Message.objects.filter(template="link").exists()


def test_looking_is_not_doing(agent: Client, brisvik: world.House) -> None:
    """A GET changes nothing; a post without its token changes nothing."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.person("ola", brisvik.operator, role=roles.SUPPORT), backend=world.BACKEND)
    addresses = [
        reverse(f"admin:billing_customer_{verb}", args=[brisvik.customer.pk]) for verb in ("make_link", "pin", "offers")
    ]
    addresses += [
        reverse(f"admin:billing_paymentlink_{verb}", args=[brisvik.link.pk])
        for verb in ("code", "print", "send", "withdraw")
    ]
    count = PaymentLink.objects.count()
    for address in addresses:
        assert agent.get(address).status_code == 405, address
        assert strict.post(address, {"times_seen": 0}).status_code == 403, address
    brisvik.link.refresh_from_db()
    assert brisvik.link.revoked_at is None
    assert PaymentLink.objects.count() == count
    assert not Message.objects.filter(template="link").exists()


@pytest.mark.parametrize("path", ["/admin/", "/accounts/login/"])
def test_a_page_that_is_too_old_speaks_to_staff_and_not_to_customers(brisvik: world.House, path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(path, {})
    assert response.status_code == 403
    page = response.content.decode()
    assert "This page is too old" in page
    assert "Nothing has been changed" in page
    assert "link" not in page.partition("<body")[2]
    assert brisvik.operator.help_phone not in page.partition("<main")[2].partition("</main")[0]


def test_who_may_not_use_links_sees_no_buttons_and_presses_none(brisvik: world.House) -> None:
    client = world.logged_in(world.person("odd", brisvik.operator, role=roles.FINANCE))
    page = client.get(reverse("admin:billing_paymentlink_change", args=[brisvik.link.pk])).content.decode()
    assert "Withdraw it" not in page
    for verb in ("code", "print", "send", "withdraw"):
        assert client.post(reverse(f"admin:billing_paymentlink_{verb}", args=[brisvik.link.pk])).status_code == 403


def _offers(client: Client, house: world.House, agrees: str) -> str:
    address = reverse("admin:billing_customer_offers", args=[house.customer.pk])
    return client.post(address, {"agrees": agrees}, follow=True).content.decode()


def test_a_customer_agrees_to_offers_and_no_longer_each_once(agent: Client, brisvik: world.House) -> None:
    Consent.objects.all().delete()
    page = agent.get(reverse("admin:billing_customer_change", args=[brisvik.customer.pk])).content.decode()
    assert "Has not agreed to offers." in page
    page = _offers(agent, brisvik, "1")
    assert "From now on they can get offers." in page
    assert "Agreed to offers on" in page
    assert "They had agreed before." in _offers(agent, brisvik, "1")
    given = Consent.objects.get()
    assert (given.customer, given.purpose, given.source) == (brisvik.customer, "offer", "the desk")
    page = _offers(agent, brisvik, "0")
    assert "They get no offers from now on." in page
    assert "Has not agreed to offers." in page
    assert "They had not agreed." in _offers(agent, brisvik, "0")
    verbs = AuditEntry.objects.filter(subject_reference=f"customer:{brisvik.customer.pk}", reason="offer")
    assert [entry.verb for entry in verbs.order_by("pk")] == ["give-consent", "withdraw-consent"]


@pytest.mark.parametrize("agrees", ["", "yes", "2", "0; DROP TABLE"])
def test_only_a_clear_yes_is_one(agent: Client, brisvik: world.House, agrees: str) -> None:
    Consent.objects.all().delete()
    address = reverse("admin:billing_customer_offers", args=[brisvik.customer.pk])
    assert agent.post(address, {"agrees": agrees}).status_code == 400
    assert not Consent.objects.exists()


def test_who_may_not_keep_consents_sees_no_button_and_presses_none(brisvik: world.House) -> None:
    client = world.logged_in(world.person("odd", brisvik.operator, role=roles.FINANCE))
    page = client.get(reverse("admin:billing_customer_change", args=[brisvik.customer.pk])).content.decode()
    assert "They agree to offers" not in page
    assert "They no longer agree" not in page
    address = reverse("admin:billing_customer_offers", args=[brisvik.customer.pk])
    assert client.post(address, {"agrees": "0"}).status_code == 403
    assert Consent.objects.get().withdrawn_at is None


def test_a_parked_job_is_queued_again_once(agent: Client, brisvik: world.House) -> None:
    job = brisvik.rows["activationjob"]
    data = {"action": "try_again", "_selected_action": [job.pk]}
    page = agent.post(reverse("admin:activation_activationjob_changelist"), data, follow=True).content.decode()
    assert "1 job will be tried again" in page
    job.refresh_from_db()
    assert (job.status, job.error) == ("queued", "")  # type: ignore[attr-defined]
    page = agent.post(reverse("admin:activation_activationjob_changelist"), data, follow=True).content.decode()
    assert "0 jobs will be tried again" in page
    kept = AuditEntry.objects.get(verb="retry-job")
    assert kept.operator == brisvik.operator, "so that its staff can read it"


def test_times_on_staff_pages_are_the_operators(agent: Client, brisvik: world.House, settings: Settings) -> None:
    PaymentLink.objects.filter(pk=brisvik.link.pk).update(
        created_at="2026-07-01T22:30:00Z", expires_at="2026-07-02T00:30:00Z"
    )
    page = agent.get(reverse("admin:billing_paymentlink_change", args=[brisvik.link.pk])).content.decode()
    assert "2 Jul 2026 00:30" in page, "half past ten in the evening UTC is past midnight in Oslo"


def test_the_page_says_what_happened_in_words_and_what_to_say(agent: Client, brisvik: world.House) -> None:
    address = reverse("admin:billing_customer_change", args=[brisvik.customer.pk])
    links.note(brisvik.link, "failed", timezone.now())
    page = agent.get(address).content.decode()
    assert "Refused. Nothing was taken" in page
    assert "Your bank said no" in page
    links.note(brisvik.link, "switched_on", timezone.now())
    page = agent.get(address).content.decode()
    assert "It is paid, and it is on." in page
    assert "Your bank said no" not in page


def test_every_kind_of_the_timeline_has_its_words() -> None:
    """Whatever the floors below and beside write there, an agent never reads a code."""
    root = Path(__file__).parents[3]
    sources = [path for floor in ("billing", "activation", "payportal") for path in (root / floor).rglob("*.py")]
    noted = {kind for path in sources for kind in re.findall(r'note\([^"\n]*"(\w+)"', path.read_text())}
    assert {"revoked", "pay_tapped", "withheld"} < noted, "the search found what is noted"
    noted |= {"made", "opened", "previewed", "delivered", "read"}
    noted |= set(TIMELINE_KINDS.values())
    assert noted | set(Payment.Status.values) <= set(words.TIMELINE)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{ 7 }}{% x %}"])
def test_a_hostile_name_stays_a_name(agent: Client, brisvik: world.House, name: str) -> None:
    """Attack 11."""
    brisvik.customer.name = name
    brisvik.customer.save()
    page = agent.get(reverse("admin:billing_customer_change", args=[brisvik.customer.pk])).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "{{ 7 }}" in page or "{{" not in name
