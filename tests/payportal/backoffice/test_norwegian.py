"""Staff whose browser asks for Norwegian read Norwegian, everywhere."""

import pytest
from django.test import Client
from django.urls import reverse

from payportal.backoffice import roles
from tests.payportal.backoffice import world
from tests.payportal.pages import extracting
from tests.payportal.pages.test_catalogs import catalog

PLACES = ("payportal/backoffice", "templates/backoffice", "templates/account", "templates/mfa", "templates/admin")


def test_nothing_that_staff_read_is_left_in_english() -> None:
    there = catalog("nb")
    texts = extracting.texts(*PLACES)
    assert len(texts) > 150
    assert sorted(text for text in texts if not all(there.get(text, [""]))) == []


@pytest.mark.django_db
@pytest.mark.usefixtures("one_factor")
def test_the_desk_speaks_it(brisvik: world.House) -> None:
    client = world.logged_in(world.person("noor", brisvik.operator, role=roles.SUPPORT))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "nb-NO,nb;q=0.9"
    page = client.get(reverse("admin:billing_customer_change", args=[brisvik.customer.pk])).content.decode()
    assert "Skjer nå" in page
    assert "Lenke laget" in page
    assert "Si:" in page
    assert "Logg inn" in Client(headers={"accept-language": "nb"}).get("/accounts/login/").content.decode()
