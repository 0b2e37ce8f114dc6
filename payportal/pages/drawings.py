"""The page's own outline drawings, 24 x 24, as SVG path data; operators' packages name one of them."""

from django.utils.safestring import SafeString, mark_safe

_PICTURES = {
    "ball": '<circle cx="12" cy="12" r="9"/><path d="M12 8l4 3-1.5 4.5h-5L8 11zM12 3v5M16 11l4.6-1.6M14.5 15.5l2.8 4'
    'M9.5 15.5l-2.8 4M8 11L3.4 9.4"/>',
    "film": '<path d="M3 5h18v14H3zM8 5v14M16 5v14M3 12h18"/>',
    "data": '<path d="M7 3h10v18H7zM11 18h2"/><path d="M10 11a3 3 0 014 0M12 13.5v0"/>',
    "play": '<circle cx="12" cy="12" r="9"/><path d="M10 8.5l5.5 3.5-5.5 3.5z"/>',
}
PICTURES: dict[str, SafeString] = {name: mark_safe(paths) for name, paths in _PICTURES.items()}  # noqa: S308 (our own)


def picture(name: str) -> SafeString:
    """The drawing of that name, or the one that stands for anything."""
    return PICTURES.get(name, PICTURES["play"])
