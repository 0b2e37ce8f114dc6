"""QR codes: small, and read again from what messengers make of the picture. Read by zxing-cpp, as phones do."""

import io
import re

import pytest
import qrcode
import zxingcpp
from PIL import Image, ImageFilter
from qrcode.constants import ERROR_CORRECT_L
from qrcode.util import MODE_8BIT_BYTE, QRData

from payportal import qr

PATH = "/p/kX393-k_MBQ/awVgIBfSqldT7X8DnzHWnAaVZ4k"
HOSTS = [
    "pay.no",
    "pay.brisvik.example",
    "betal.nordlysbredbaand.example",
    "brisvik.localhost:8000",
    "a-rather-long-name-of-a-payment-host.customers.example.org",
]
ADDRESSES = [f"https://{host}{PATH}" for host in HOSTS]
WHATSAPP_SIDE = 800


def read(picture: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def as_whatsapp_sends_it(data: bytes, quality: int, side: int = WHATSAPP_SIDE) -> Image.Image:
    """Scaled to what a messenger shows, and compressed hard, with colour at a quarter of the dots (4:2:0)."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture = picture.resize((side, side * picture.height // picture.width), Image.Resampling.BILINEAR)
    squeezed = io.BytesIO()
    picture.save(squeezed, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(squeezed)


def same(found: list[str], address: str) -> bool:
    """Scheme and host may come in capitals; the rest is as it was."""
    host = len(address) - len(PATH)
    return [(each[:host].lower(), each[host:]) for each in found] == [(address[:host], PATH)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_works(address: str) -> None:
    assert same(read(Image.open(io.BytesIO(qr.png(address)))), address)
    assert same(read(Image.open(io.BytesIO(qr.jpeg(address)))), address)


@pytest.mark.parametrize("label", ["", "betal.nordlysbredbaand.example"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_it_is_read_from_what_whatsapp_makes_of_it(address: str, label: str) -> None:
    for quality in (60, 50, 35):
        # 800 px as it is kept, 400 as a small phone shows it.
        for side in (WHATSAPP_SIDE, 400):
            assert same(read(as_whatsapp_sends_it(qr.jpeg(address, label), quality, side)), address), (quality, side)


def test_it_is_read_when_it_is_sent_on_and_photographed() -> None:
    """Forwarded twice, scaled each time, then seen by a camera that is out of focus and not quite straight."""
    picture = as_whatsapp_sends_it(qr.jpeg(ADDRESSES[2], "betal.nordlysbredbaand.example"), 50)
    for side in (640, 720):
        again = io.BytesIO()
        picture.save(again, "JPEG", quality=50)
        picture = as_whatsapp_sends_it(again.getvalue(), 50, side)
    seen = picture.filter(ImageFilter.GaussianBlur(2)).rotate(7, expand=True, fillcolor="white")
    assert same(read(seen), ADDRESSES[2])


@pytest.mark.parametrize("address, dots", [*zip(ADDRESSES[:3], [29, 33, 33], strict=True)])
def test_an_address_stays_small(address: str, dots: int) -> None:
    code = qr.code(address)
    assert code.modules_count == dots
    plain = qrcode.QRCode(error_correction=ERROR_CORRECT_L)
    plain.add_data(QRData(address, mode=MODE_8BIT_BYTE), optimize=0)
    plain.make()
    assert code.modules_count <= plain.modules_count
    assert (code.version, code.error_correction) != (plain.version, plain.error_correction), "smaller, or stronger"


@pytest.mark.parametrize(
    "text", ["K7M-42P-Q9X", "https://pay.example/", "æøå", "https://pæy.example/x", "", "mailto:a@b.c"]
)
def test_what_is_no_such_address_is_kept_as_it_is(text: str) -> None:
    if text:
        assert read(Image.open(io.BytesIO(qr.png(text))))[0].casefold() == text.casefold()
    else:
        assert qr.png(text)


def test_case_is_kept_where_it_matters() -> None:
    for text in ("HTTPS://pay.example/Abc", "http://u:P@pay.example/A?b=C#D", "https://pay.example?Q=a", "x://y"):
        [found] = read(Image.open(io.BytesIO(qr.png(text))))
        origin = re.match(r"https?://[a-z.]+/", text, re.IGNORECASE)
        assert found[origin.end() if origin else 0 :] == text[origin.end() if origin else 0 :]
        assert found.casefold() == text.casefold()


def test_the_picture_has_its_quiet_zone_and_its_label_beneath() -> None:
    bare, labelled = (Image.open(io.BytesIO(qr.png(ADDRESSES[1], label))) for label in ("", "pay.brisvik.example"))
    assert bare.width == labelled.width <= 800
    assert labelled.height > bare.height
    side = bare.width // (qr.code(ADDRESSES[1]).modules_count + 2 * qr.QUIET)
    for picture in (bare, labelled):
        edge = picture.crop((0, 0, picture.width, side * qr.QUIET))
        assert edge.getextrema() == (255, 255)
    assert labelled.crop((0, bare.height, labelled.width, labelled.height)).getextrema()[0] < 128
    assert labelled.crop((0, 0, bare.width, bare.height)).tobytes() == bare.tobytes()


def test_the_svg_is_one_element_without_styles() -> None:
    svg = qr.svg(ADDRESSES[0])
    assert svg.startswith("<svg")
    assert svg.endswith("</svg>")
    assert "style" not in svg
    assert "kX393" not in svg


def test_a_label_of_letters_that_the_font_lacks_draws_no_boxes() -> None:
    assert qr.png("x", "ø") == qr.png("x", "مرحبا")
