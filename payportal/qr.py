"""QR codes: as an SVG in pages, as PNG for print, as JPEG for messengers.

A smaller code has bigger dots, and those survive what messengers do to pictures. So an address is laid out in two
segments: scheme and host, which are the same in capitals (RFC 3986, 3.1 and 3.2.2), in the mode for capitals and
digits, 5.5 bits a character; the path, where case matters, in bytes. The level of error correction is the highest that
the smallest version has room for (ISO/IEC 18004).
"""

from functools import cache
from io import BytesIO
from urllib.parse import urlsplit

import qrcode
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.exceptions import DataOverflowError
from qrcode.image.svg import SvgPathImage
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

# Four dots of white on each side: the standard's quiet zone.
QUIET = 4
# What WhatsApp shows without scaling it up on most phones.
PIXELS = 800
JPEG_QUALITY = 85
_LABEL_PIXELS = 34


def svg(text: str) -> str:
    """A QR code as an SVG element, dark on light, with its quiet zone."""
    drawn = BytesIO()
    code(text).make_image(image_factory=SvgPathImage).save(drawn)
    return drawn.getvalue().decode().partition("?>")[2].strip()


def png(text: str, label: str = "") -> bytes:
    """A QR code as PNG for print, exact to the dot, with a line of text beneath."""
    return _bytes(_picture(text, label), format="PNG", optimize=True)


def jpeg(text: str, label: str = "") -> bytes:
    """A QR code as JPEG for messengers, with a line of text beneath."""
    # Grey: colour would only be thrown away, at the edges of the dots.
    return _bytes(_picture(text, label), format="JPEG", quality=JPEG_QUALITY, optimize=True)


def code(text: str) -> qrcode.QRCode:
    """The smallest code for this text, with as much error correction as then still fits."""
    smallest = _made(text, ERROR_CORRECT_L, None)
    for level in (ERROR_CORRECT_H, ERROR_CORRECT_Q, ERROR_CORRECT_M):
        try:
            return _made(text, level, smallest.version)
        except DataOverflowError:
            continue
    return smallest


def _made(text: str, level: int, version: int | None) -> qrcode.QRCode:
    made = qrcode.QRCode(version=version, error_correction=level, border=QUIET)
    for part in _parts(text):
        made.add_data(part, optimize=0)
    made.make(fit=version is None)
    return made


def _parts(text: str) -> list[QRData]:
    """An address in its two segments; anything else as bytes."""
    address = urlsplit(text)
    origin = f"{address.scheme}://{address.netloc}/".upper()
    try:
        front = QRData(origin, mode=MODE_ALPHA_NUM)
    except ValueError:
        return [QRData(text, mode=MODE_8BIT_BYTE)]
    rest = text[len(origin) :]
    if not address.scheme or text[: len(origin)].upper() != origin or not rest:
        return [QRData(text, mode=MODE_8BIT_BYTE)]
    return [front, QRData(rest, mode=MODE_8BIT_BYTE)]


def _picture(text: str, label: str) -> Image.Image:
    matrix = code(text).get_matrix()
    dots = len(matrix)
    image = Image.new("L", (dots, dots))
    image.putdata([0 if is_dark else 255 for row in matrix for is_dark in row])
    side = PIXELS // dots * dots
    image = image.resize((side, side), Image.Resampling.NEAREST)
    if not label:
        return image
    framed = Image.new("L", (side, side + _LABEL_PIXELS), 255)
    framed.paste(image, (0, 0))
    # Into the quiet zone, which may hold nothing nearer than four dots: so beneath it.
    draw = ImageDraw.Draw(framed)
    draw.text((side // 2, side), _drawable(label), fill=0, font=_font(), anchor="mt")
    return framed


def _drawable(label: str) -> str:
    """The built-in font has ASCII only."""
    return label.encode("ascii", "ignore").decode()


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(26)


def _bytes(image: Image.Image, **options: object) -> bytes:
    drawn = BytesIO()
    image.save(drawn, **options)  # type: ignore[arg-type]
    return drawn.getvalue()
