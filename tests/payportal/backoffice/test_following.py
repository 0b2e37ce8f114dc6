"""The desk follows what happens on a link by itself: unchanged is one query, changed shows it, the end is said."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing import links
from billing.models import AuditEntry, Customer, Operator, Payment, PaymentLink
from payportal.backoffice import desk, pulse, roles
from payportal.messaging.models import Message
from tests.payportal.backoffice import world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
PAGES = ("customer", "paymentlink")


@pytest.fixture
def agent(brisvik: world.House) -> Client:
    return world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))


def _address(house: world.House, model: str, what: str = "news") -> str:
    return reverse(f"admin:billing_{model}_{what}", args=[house.rows[model].pk])


def _version(client: Client, address: str) -> str:
    """What a page shows when it asks for the first time."""
    return client.get(address).context["pulse"].version


@pytest.mark.parametrize("model", PAGES)
def test_it_works(agent: Client, brisvik: world.House, model: str) -> None:
    page = agent.get(_address(brisvik, model, "change"))
    shown = page.content.decode()
    version = page.context["pulse"].version
    assert f'hx-get="{_address(brisvik, model)}?v={version}"' in shown
    assert '<noscript><meta http-equiv="refresh"' in shown
    assert agent.get(_address(brisvik, model), {"v": version}).status_code == 204
    links.note(brisvik.link, "failed", timezone.now(), brisvik.payment)
    changed = agent.get(_address(brisvik, model), {"v": version})
    assert changed.status_code == 200
    assert "Refused. Nothing was taken" in changed.content.decode()
    assert "Your bank said no" in changed.content.decode()
    assert "<html" not in changed.content.decode()
    assert agent.get(_address(brisvik, model), {"v": changed.context["pulse"].version}).status_code == 204


@pytest.mark.parametrize("model", PAGES)
def test_only_what_is_new_is_read_aloud(agent: Client, brisvik: world.House, model: str) -> None:
    assert "hx-swap-oob" not in agent.get(_address(brisvik, model, "change")).content.decode()
    links.note(brisvik.link, "opened", timezone.now())
    news = agent.get(_address(brisvik, model)).content.decode()
    assert '<p hx-swap-oob="innerHTML:#newest">Opened</p>' in news


@pytest.mark.parametrize("model", PAGES)
def test_unchanged_is_one_query_however_much_there_is(agent: Client, brisvik: world.House, model: str) -> None:
    address = _address(brisvik, model)

    def queries() -> list[str]:
        version = _version(agent, address)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert agent.get(address, {"v": version}).status_code == 204
        own = ("django_session", "auth_user", "auth_permission", "auth_group")
        return [each["sql"] for each in captured if not any(f'FROM "{table}' in each["sql"] for table in own)]

    assert len(queries()) == 1
    for number in range(20):
        links.note(brisvik.link, "opened", timezone.now())
        links.create(customer=brisvik.customer, currency="NOK", actor=f"staff:{number}", now=timezone.now())
    assert len(queries()) == 1


@pytest.mark.parametrize("model", PAGES)
def test_following_is_no_new_look(agent: Client, brisvik: world.House, model: str) -> None:
    looks = AuditEntry.objects.filter(verb="look")
    agent.get(_address(brisvik, model, "change"))
    assert looks.count() == 1
    for _ in range(3):
        assert agent.get(_address(brisvik, model), {"v": "old"}).status_code == 200
        # A browser without JavaScript.
        assert agent.get(_address(brisvik, model, "change"), {"again": "1"}).status_code == 200
    assert looks.count() == 1


@pytest.mark.parametrize("model", PAGES)
@pytest.mark.parametrize("address", ["{news}?v=old", "{page}?again=1"])
def test_nobody_follows_without_having_looked(agent: Client, brisvik: world.House, model: str, address: str) -> None:
    """The addresses that pages ask by themselves are no way to look in secret, nor to go on for days."""
    wanted = address.format(news=_address(brisvik, model), page=_address(brisvik, model, "change"))
    other = world.logged_in(world.person("odd", brisvik.operator, role=roles.FINANCE))
    other.get(_address(brisvik, model, "change"))
    AuditEntry.objects.create(
        actor=f"staff:{agent.session['_auth_user_id']}",
        verb="look",
        subject_reference=AuditEntry.objects.get(verb="look").subject_reference,
        at=timezone.now() - timedelta(hours=13),
        operator=brisvik.operator,
    )
    assert agent.get(wanted).status_code == 200
    newest = AuditEntry.objects.filter(verb="look").latest("at")
    assert newest.actor == f"staff:{agent.session['_auth_user_id']}"
    assert newest.operator == brisvik.operator


@pytest.mark.parametrize("model", PAGES)
def test_a_withdrawn_link_is_the_end(agent: Client, brisvik: world.House, model: str) -> None:
    _idle(brisvik)
    version = _version(agent, _address(brisvik, model))
    links.revoke(brisvik.link, actor="staff:1", now=timezone.now())
    last = agent.get(_address(brisvik, model), {"v": version})
    assert last.status_code == 286
    assert "Link withdrawn" in last.content.decode()
    assert "hx-get" not in last.content.decode()
    page = agent.get(_address(brisvik, model, "change")).content.decode()
    assert "http-equiv" not in page
    assert "htmx" not in page


@pytest.mark.parametrize("model", PAGES)
def test_a_link_that_runs_out_is_the_end(agent: Client, brisvik: world.House, model: str) -> None:
    """Nothing happens then that would write to the timeline: the version knows the clock."""
    _idle(brisvik)
    version = _version(agent, _address(brisvik, model))
    now = timezone.now()
    PaymentLink.objects.update(created_at=now - timedelta(hours=2), expires_at=now - timedelta(seconds=1))
    assert agent.get(_address(brisvik, model), {"v": version}).status_code == 286


@pytest.mark.parametrize("model", PAGES)
@pytest.mark.parametrize("status", Payment.OPEN)
def test_a_payment_that_goes_on_is_followed_beyond_its_link(
    agent: Client, brisvik: world.House, model: str, status: str
) -> None:
    _idle(brisvik)
    Payment.objects.update(status=status, succeeded_at=None)
    links.revoke(brisvik.link, actor="staff:1", now=timezone.now())
    page = agent.get(_address(brisvik, model))
    assert page.status_code == 200
    assert "Link withdrawn" in page.content.decode()
    Payment.objects.update(status=Payment.Status.CANCELED, canceled_at=timezone.now())
    assert agent.get(_address(brisvik, model), {"v": page.context["pulse"].version}).status_code == 286


@pytest.mark.parametrize("model", PAGES)
def test_switching_on_is_followed_beyond_the_link(agent: Client, brisvik: world.House, model: str) -> None:
    links.revoke(brisvik.link, actor="staff:1", now=timezone.now())
    job = brisvik.rows["activationjob"]
    for status, answer in (("queued", 200), ("running", 200), ("parked", 286), ("done", 286)):
        type(job).objects.update(status=status)  # type: ignore[attr-defined]
        assert agent.get(_address(brisvik, model)).status_code == answer, status


@pytest.mark.parametrize("model", PAGES)
def test_why_a_message_did_not_go_out_is_seen_live(agent: Client, brisvik: world.House, model: str) -> None:
    address = _address(brisvik, model)
    version = _version(agent, address)
    desk.send_link(brisvik.link, times_seen=0, actor="staff:1", now=timezone.now())
    told = []
    for changes in (
        {},
        {"status": Message.Status.QUEUED, "attempts": 1, "error": "mailbox busy"},
        {"status": Message.Status.FAILED, "attempts": 2, "error": "no such mailbox"},
    ):
        Message.objects.filter(template="link").update(**changes)
        news = agent.get(address, {"v": version})
        assert news.status_code == 200
        version = news.context["pulse"].version
        told.append(news.content.decode())
    assert "The message is being sent" in told[0]
    assert "It is tried again by itself" in told[1]
    assert "mailbox busy" in told[1]
    assert "The message could not be sent" in told[2]
    assert "no such mailbox" in told[2]
    assert "My message did not go out" in told[2]


def test_the_customers_page_follows_all_links(agent: Client, brisvik: world.House) -> None:
    address = _address(brisvik, "customer")
    version = _version(agent, address)
    newer = links.create(customer=brisvik.customer, currency="NOK", actor="staff:9", now=timezone.now())
    news = agent.get(address, {"v": version})
    assert news.status_code == 200
    assert f'name="newest_seen" value="{newer.pk}"' in news.content.decode()


@pytest.mark.parametrize("model", PAGES)
def test_what_others_do_is_no_news(agent: Client, brisvik: world.House, solmara: world.House, model: str) -> None:
    neighbour = Customer.objects.create(operator=brisvik.operator, reference="next-door", created_at=timezone.now())
    version = _version(agent, _address(brisvik, model))
    links.create(customer=neighbour, currency="NOK", actor="staff:1", now=timezone.now())
    links.note(solmara.link, "opened", timezone.now())
    assert agent.get(_address(brisvik, model), {"v": version}).status_code == 204


@pytest.mark.parametrize("model", PAGES)
def test_who_may_not_see_it_is_sent_to_the_whole_page(brisvik: world.House, solmara: world.House, model: str) -> None:
    """Logged out, without a role, another operator's: no piece of a page, and nothing written down."""
    anonymous, roleless = Client(), world.logged_in(world.person("ola", brisvik.operator))
    stranger = world.logged_in(world.person("sol", solmara.operator, role=roles.SUPPORT))
    for client, status in ((anonymous, 200), (roleless, 403), (stranger, 404)):
        answer = client.get(_address(brisvik, model), headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["HX-Refresh"]) == (status, "true")
        assert b"brisvik-1" not in answer.content
        assert "no-store" in answer.headers["Cache-Control"]
    assert anonymous.get(_address(brisvik, model)).status_code == 302, "for a browser it stays a redirect"
    assert not AuditEntry.objects.filter(verb="look").exists()


def test_a_missing_row_has_no_pulse(brisvik: world.House) -> None:
    everything = PaymentLink.objects.filter(operator__in=Operator.objects.all())
    assert pulse.of_link(brisvik.link.pk, everything, timezone.now())
    assert pulse.of_link(0, everything, timezone.now()) is None


def _idle(house: world.House) -> None:
    """What the house has under way is over."""
    job = house.rows["activationjob"]
    type(job).objects.update(status="done", done_at=timezone.now())  # type: ignore[attr-defined]
