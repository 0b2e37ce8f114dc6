"""Random references: unguessable, URL-safe, of a fixed length."""

import base64
import secrets


def encode(data: bytes) -> str:
    """URL-safe base64 without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of ``encode``'s text. Raises ValueError for anything ``encode`` would not have written.

    One text alone decodes to given bytes: an altered last character, whose spare bits base64 would ignore, is refused.
    """
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise ValueError("not a reference") from None
    if encode(data) != text:
        raise ValueError("not a reference")
    return data


def new_reference() -> str:
    """22 characters of 128 random bits."""
    return encode(secrets.token_bytes(16))
