"""The little picture on a browser's tab."""

from xml.etree import ElementTree

import pytest
from django.test import Client

from billing.models import Customer, Operator, PaymentLink
from payportal.pages import icon


@pytest.mark.parametrize("path", ["/icon.svg", "/favicon.ico"])
def test_it_works(phone: Client, customer: Customer, path: str) -> None:
    answer = phone.get(path)
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Cache-Control"] == f"public, max-age={icon.WEEK_SECONDS}"
    square, mark = ElementTree.fromstring(answer.content)
    assert square.get("fill") == customer.operator.brand_color
    assert mark.get("d") == customer.operator.mark


def test_each_operator_has_its_own(phone: Client, customer: Customer) -> None:
    solmara = phone.get("/icon.svg", headers={"host": "solmara.localhost"}).content
    assert solmara != phone.get("/icon.svg").content
    assert Operator.objects.get(code="solmara").brand_color.encode() in solmara


def test_a_page_names_it_and_a_mark_cannot_break_out_of_it(phone: Client, link: PaymentLink) -> None:
    assert b'<link rel="icon" href="/icon.svg">' in phone.get("/").content
    link.operator.mark = 'M0 0"/><script>alert(1)</script>'
    link.operator.save()
    assert len(list(ElementTree.fromstring(phone.get("/icon.svg").content))) == 2
