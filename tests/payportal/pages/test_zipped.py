"""A page put together from compressed pieces reads as if it had been compressed whole."""

import gzip
import re
import subprocess

import pytest
from django.test import Client

from billing.models import Customer
from payportal.pages import zipped

TEXT = "<style>" + "a { color: red } " * 400 + '</style><input value="HOLE"><p>سلام ' + "words and words " * 90


@pytest.mark.parametrize("filling", [b"", b"x", b"token" * 12, bytes(range(256)) * 200])
def test_it_works(filling: bytes) -> None:
    page = zipped.page(TEXT, "HOLE")
    whole = TEXT.encode().replace(b"HOLE", filling)
    assert page.plain(filling) == whole
    assert gzip.decompress(page.gzip(filling)) == whole


def test_gzip_itself_finds_no_fault_in_it() -> None:
    packed = zipped.page(TEXT, "HOLE").gzip(b"token")
    assert subprocess.run(["gzip", "-t"], input=packed, capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("text", ["none", "HOLE and HOLE"])
def test_there_is_just_one_hole(text: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        zipped.page(text, "HOLE")


def test_an_ended_links_page_is_the_same_either_way(phone: Client, customer: Customer) -> None:
    plain = phone.get("/p/x/y", headers={"accept-encoding": "identity"})
    packed = phone.get("/p/x/y", headers={"accept-encoding": "gzip, br"})
    pages = [re.sub(rb'value="\w{64}"', b"", each) for each in (plain.content, gzip.decompress(packed.content))]
    assert pages[0] == pages[1]
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.content) <= 3_200
