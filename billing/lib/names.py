"""Names that come in several languages: ``{"en": "Films", "nb": "Film"}``."""

from collections.abc import Mapping


def in_language(names: Mapping[str, str], language: str) -> str:
    """The name in that language, else in its base language, else the first there is, else an empty text."""
    return names.get(language) or names.get(language.split("-")[0]) or next(iter(names.values()), "")
