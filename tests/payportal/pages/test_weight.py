"""What a page weighs, and that its policy admits just what it carries."""

import base64
import gzip
import hashlib
import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from activation.models import Package
from billing import links
from billing.models import Customer, PaymentLink
from payportal.pages import sheets
from tests import world

ROOT = Path(__file__).resolve().parents[3]
FLIGHT = 12_000
NORMAL = 6_000


def weight(page: bytes) -> int:
    return len(gzip.compress(page, 6))


def test_a_normal_page_is_light(phone: Client, link: PaymentLink) -> None:
    assert weight(phone.get(links.path(link)).content) <= NORMAL


def test_five_bills_and_six_packages_are_light(phone: Client, customer: Customer, link: PaymentLink) -> None:
    account = customer.accounts.all()[0]
    for _ in range(3):
        world.bill(account, now=timezone.now())
    for package in list(Package.objects.filter(operator=link.operator)):
        package.pk, package.code = None, f"{package.code}-more"
        package.save()
    page = phone.get(links.path(link)).content
    assert page.count(b'name="bill"') == 5
    assert page.count(b'name="package"') == 6
    assert weight(page) <= NORMAL


def test_thirty_bills_still_come_in_one_flight(phone: Client, customer: Customer, link: PaymentLink) -> None:
    account = customer.accounts.all()[0]
    for _ in range(28):
        world.bill(account, now=timezone.now())
    page = phone.get(links.path(link)).content
    assert page.count(b'name="bill"') == 30
    assert weight(page) <= FLIGHT


def test_our_script_is_light() -> None:
    scripts = b"".join(path.read_bytes() for path in (ROOT / "static" / "js").glob("*.js"))
    assert 1000 < weight(scripts) <= 6_000


@pytest.mark.parametrize("headers", [{}, {"host": "solmara.localhost"}])
def test_the_policy_admits_the_pages_two_blocks_and_no_other(
    phone: Client, customer: Customer, headers: dict[str, str]
) -> None:
    answer = phone.get("/p/x/y", headers=headers)
    blocks = re.findall(rb"<style>(.*?)</style>", answer.content, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(block).digest()).decode()}'" for block in blocks}
    style = next(part for part in answer.headers["Content-Security-Policy"].split("; ") if part.startswith("style-src"))
    assert len(blocks) == 2
    assert set(style.split()[1:]) == hashes
    assert b" style=" not in answer.content
    assert not re.search(rb"<script(?! src)", answer.content)


@pytest.mark.parametrize("kind", sheets.KINDS)
def test_each_kind_of_page_has_its_sheet(kind: str) -> None:
    css = sheets.of_kind(kind).css
    assert css.startswith(":root{")
    assert "/*" not in css
    assert "</style" not in css
    assert css.count("{") == css.count("}")


@pytest.mark.parametrize(
    "css, squeezed",
    [
        (".a :focus { color: red; }", ".a :focus{color:red}"),
        ("a { width: calc(1px + 2px - .5em) }", "a{width:calc(1px + 2px - .5em)}"),
        ("a > b,\n c + d { margin: 0 0.5em }  /* why */", "a>b,c + d{margin:0 .5em}"),
        ('@media (max-width: 22em) { .a::after { content: "" } }', '@media (max-width:22em){.a::after{content:""}}'),
    ],
)
def test_squeezing_keeps_the_meaning(css: str, squeezed: str) -> None:
    assert sheets.squeeze(css) == squeezed
