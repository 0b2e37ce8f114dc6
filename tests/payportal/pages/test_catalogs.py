"""Every text of the customer's pages is there in every language."""

import pytest
from babel.messages.pofile import read_po

from tests.payportal.pages import extracting

PAGES = ("payportal/pages", "templates/pages", "templates/partials")


def catalog(language: str) -> dict[str, list[str]]:
    """What a language's catalogues say, by the English; a plural by its singular."""
    found: dict[str, list[str]] = {}
    for path in sorted(extracting.ROOT.glob(f"**/locale/{language}/LC_MESSAGES/django.po")):
        if not {".venv", "node_modules"} & set(path.parts):
            with path.open("rb") as file:
                for message in read_po(file, locale=language):
                    texts = [message.string] if isinstance(message.string, str) else list(message.string)
                    found[message.id if isinstance(message.id, str) else message.id[0]] = texts
    return found


@pytest.mark.parametrize("language", ["nb", "ar"])
def test_nothing_is_left_in_english(language: str) -> None:
    there = catalog(language)
    texts = extracting.texts(*PAGES)
    assert len(texts) > 100
    assert sorted(text for text in texts if not all(there.get(text, [""]))) == []


@pytest.mark.parametrize("language", ["nb", "ar"])
def test_translations_keep_the_places_for_values(language: str) -> None:
    import re

    names = re.compile(r"%\((\w+)\)[sd]")
    for text, translations in catalog(language).items():
        for translation in translations:
            # Arabic says "one day" and "two days" without a number.
            assert set(names.findall(translation)) <= set(names.findall(text)), text
            if len(translations) == 1:
                assert set(names.findall(translation)) == set(names.findall(text)), text
