"""Every word of a message is said in every language that the site speaks."""

import re
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

TEMPLATES = sorted((settings.BASE_DIR / "templates" / "messages").glob("*.txt")) + sorted(
    (settings.BASE_DIR / "templates" / "pages").glob("inbox*.html")
)
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]


def words(template: Path) -> set[str]:
    """What a template marks for translation."""
    code = templatize(template.read_text())
    return {str(found[1]) for found in extract("python", BytesIO(code.encode()), {"gettext": None}, (), {})}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_has_all_of_it_and_keeps_the_places(language: str) -> None:
    source = settings.BASE_DIR / "payportal" / "messaging" / "locale" / language / "LC_MESSAGES" / "django.po"
    catalog = read_po(StringIO(source.read_text()), locale=language)
    wanted = set().union(*map(words, TEMPLATES))
    assert "Hello." in wanted
    for text in wanted:
        assert text in catalog
        said = str(catalog[text].string)
        assert said
        assert sorted(re.findall(r"%\(\w+\)s", said)) == sorted(re.findall(r"%\(\w+\)s", text))
