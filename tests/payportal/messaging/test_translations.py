"""Every word that a message or the demo's phone is put together from is there in every language."""

import re

import pytest
from django.conf import settings

from payportal.messaging import placeholders, texts
from payportal.messaging.occasions import OCCASIONS
from tests.payportal.pages import extracting
from tests.payportal.pages.test_catalogs import catalog

LANGUAGES = [code for code, _ in settings.LANGUAGES]
FOLDER = settings.BASE_DIR / "templates" / "messages"


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_the_catalogue_has_all_of_it(language: str) -> None:
    there = catalog(language)
    wanted = {
        text
        for path in ("payportal/messaging/owing.py", "payportal/messaging/wording.py", *_inbox())
        for text in extracting._of(extracting.ROOT / path)
    }
    assert "%(count)d bill" in wanted
    assert "No messages yet." in wanted
    assert sorted(text for text in wanted if not all(there.get(text, [""]))) == []


def _inbox() -> list[str]:
    return [str(path.relative_to(extracting.ROOT)) for path in (extracting.ROOT / "templates/pages").glob("inbox*")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("medium", texts.MEDIA)
def test_every_occasion_has_a_text_of_its_own(language: str, medium: str) -> None:
    for name in OCCASIONS:
        assert (FOLDER / f"{name}.{medium}.{language}.txt").exists()
        text = texts.default(name, language, medium)
        whole = "\n".join((text.subject, text.label, text.body))
        assert placeholders.unknown(whole, name) == []
        assert set(placeholders.required(name)) <= set(placeholders.named(text.body))
        assert not placeholders.NEVER_IN_HEADERS & set(placeholders.named(text.subject + text.label))
        assert bool(text.subject) or medium != "email"
        assert bool(text.label) == bool(OCCASIONS[name].opens)
        assert "!" not in re.sub(r"(Thank you|Takk|شكرًا)!", "", whole), "exclamation marks but in thanks"


def test_nothing_lies_in_the_folder_that_nobody_says() -> None:
    known = {f"{name}.{medium}.{code}.txt" for name in OCCASIONS for medium in texts.MEDIA for code in LANGUAGES}
    assert {path.name for path in FOLDER.iterdir()} == known
