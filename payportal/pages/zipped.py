"""A page that is compressed once, with a hole for the one thing that is new each time.

Compressing a refusal costs as much as all the rest of it. A gzip file may be put together from pieces, though, as long
as none looks back into another (RFC 1951, RFC 1952): what stands before the hole and after it is compressed once, and
what fills it goes between them as it is.
"""

import struct
import zlib
from dataclasses import dataclass

# No name, no time, best compression, any system (RFC 1952, 2.3.1).
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
# Deflate without zlib's own header.
_RAW = -15


@dataclass(frozen=True, slots=True)
class Page:
    """A page with a hole, plain and compressed."""

    before: bytes
    after: bytes
    zipped_before: bytes
    zipped_after: bytes
    checksum_before: int

    def plain(self, filling: bytes) -> bytes:
        """The page as it is read."""
        return self.before + filling + self.after

    def gzip(self, filling: bytes) -> bytes:
        """The page as a gzip file; ``filling`` has at most 65,535 bytes."""
        # A block that is stored as it is: not the last one, its length, and the length's complement.
        stored = struct.pack("<BHH", 0, len(filling), len(filling) ^ 0xFFFF) + filling
        checksum = zlib.crc32(self.after, zlib.crc32(filling, self.checksum_before))
        size = len(self.before) + len(filling) + len(self.after)
        ending = struct.pack("<LL", checksum, size)
        return b"".join((_HEADER, self.zipped_before, stored, self.zipped_after, ending))


def page(text: str, place: str) -> Page:
    """Compress a page around the one ``place`` in it. ValueError where that stands there more than once, or never."""
    before, after = text.encode().split(place.encode())
    return Page(
        before=before,
        after=after,
        # A full flush ends on a whole byte.
        zipped_before=_deflated(before, zlib.Z_FULL_FLUSH),
        zipped_after=_deflated(after, zlib.Z_FINISH),
        checksum_before=zlib.crc32(before),
    )


def _deflated(piece: bytes, ending: int) -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    return packing.compress(piece) + packing.flush(ending)
