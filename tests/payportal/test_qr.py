"""QR codes: small, and read again from what messengers make of the picture. Read by zxing-cpp, as phones do."""

import io
import re
from collections.abc import Callable

import pytest
import qrcode
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter
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
LABEL = "betal.nordlysbredbaand.example"
WHATSAPP_SIDE = 800
# Pixels of a dot, as a page shows it.
DOT = 8


def read(picture: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def drawn(svg: str) -> Image.Image:
    """An SVG of dots as a browser draws it: each a square of one unit, dark on the page's white."""
    [wide, high] = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    [path] = re.findall(r' d="([^"]*)"', svg)
    squares = re.findall(r"M(\d+),(\d+)H(\d+)V(\d+)H(\d+)z", path)
    assert path == "".join(f"M{x},{y}H{right}V{bottom}H{back}z" for x, y, right, bottom, back in squares), (
        "nothing else"
    )
    picture = Image.new("RGB", (wide * DOT, high * DOT), "white")
    pen = ImageDraw.Draw(picture)
    for x, y, right, bottom, back in (tuple(map(int, square)) for square in squares):
        assert (right, bottom, back) == (x + 1, y + 1, x)
        pen.rectangle((x * DOT, y * DOT, right * DOT - 1, bottom * DOT - 1), "black")
    return picture


# What a code looks like in each of its forms: on a page, in print, in a message.
FORMS: dict[str, Callable[[str], Image.Image]] = {
    "svg": lambda address: drawn(qr.svg(address)),
    "png": lambda address: opened(qr.png(address)),
    "png with a label": lambda address: opened(qr.png(address, LABEL)),
    "jpeg": lambda address: opened(qr.jpeg(address)),
    "jpeg with a label": lambda address: opened(qr.jpeg(address, LABEL)),
}


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def as_whatsapp_sends_it(picture: Image.Image, quality: int, side: int = WHATSAPP_SIDE) -> Image.Image:
    """Scaled to what a messenger shows, and compressed hard, with colour at a quarter of the dots (4:2:0)."""
    picture = picture.convert("RGB")
    picture = picture.resize((side, side * picture.height // picture.width), Image.Resampling.BILINEAR)
    squeezed = io.BytesIO()
    picture.save(squeezed, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(squeezed)


def same(found: list[str], address: str) -> bool:
    """Scheme and host may come in capitals; the rest is as it was."""
    host = len(address) - len(PATH)
    return [(each[:host].lower(), each[host:]) for each in found] == [(address[:host], PATH)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_it_works(address: str, form: str) -> None:
    assert same(read(FORMS[form](address)), address)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_each_is_read_from_what_whatsapp_makes_of_it(address: str, form: str) -> None:
    """A page's code is photographed and a printed one too: then it is sent on like a picture of ours."""
    picture = FORMS[form](address)
    for quality in (60, 50, 35):
        # 800 px as it is kept, 400 as a small phone shows it.
        for side in (WHATSAPP_SIDE, 400):
            assert same(read(as_whatsapp_sends_it(picture, quality, side)), address), (quality, side)


@pytest.mark.parametrize("form", FORMS)
def test_each_is_read_when_it_is_sent_on_and_photographed(form: str) -> None:
    """Forwarded twice, scaled each time, then seen by a camera that is out of focus and not quite straight."""
    picture = as_whatsapp_sends_it(FORMS[form](ADDRESSES[2]), 50)
    for side in (640, 720):
        again = io.BytesIO()
        picture.save(again, "JPEG", quality=50)
        picture = as_whatsapp_sends_it(opened(again.getvalue()), 50, side)
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
