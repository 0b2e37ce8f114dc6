"""Words in braces: only those that an occasion has, filled in as text, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payportal.messaging import placeholders
from payportal.messaging.occasions import OCCASIONS
from payportal.messaging.placeholders import UnknownPlaceholder, fill, named, unknown


def test_it_works() -> None:
    assert fill("Hi from {operator}: {total}", {"operator": "Brisvik", "total": "9"}) == "Hi from Brisvik: 9"
    assert named("{total} {operator} {total}") == ["total", "operator"]


def test_a_line_whose_placeholders_are_all_empty_is_left_out() -> None:
    values = {"a": "", "b": "", "c": "3"}
    assert fill("first\n{a}, {b}\nlast", values) == "first\nlast"
    assert fill("{a}, {c}", values) == ", 3"
    assert fill("one\n\n{a}\n\ntwo", values) == "one\n\ntwo", "and leaves no hole"
    assert fill("{a}\n\n{b}", values) == ""


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    assert fill("{a}", {"a": "{b} {a}", "b": "secret"}) == "{b} {a}"


def test_what_has_no_value_is_not_said() -> None:
    with pytest.raises(UnknownPlaceholder):
        fill("{a}", {})


@pytest.mark.parametrize(
    "text",
    [
        "{totl}",
        "{Total}",
        "{operator.name}",
        "{operator[0]}",
        "{operator!r}",
        "{operator:>30}",
        "{0}",
        "{}",
        "{ total }",
        "{{total}}",
        "{% if x %}",
        "}",
        "{",
        "{total",
    ],
)
def test_what_there_is_not_is_named(text: str) -> None:
    assert unknown(text, "link")
    assert unknown("{operator} {total} {link} {code}", "link") == []


def test_what_a_text_must_have() -> None:
    assert placeholders.required("link") == ("link", "code")
    assert placeholders.required("receipt") == ("link", "code")
    assert placeholders.required("on") == ("code",)
    assert placeholders.required("pin_code") == ("pin", "code")


def test_every_occasion_says_what_it_has() -> None:
    assert set(placeholders.ALLOWED) == set(OCCASIONS)
    for name, allowed in placeholders.ALLOWED.items():
        assert set(placeholders.EVERYWHERE) <= set(allowed) <= set(placeholders.MEANING)
        assert set(placeholders.required(name)) <= set(allowed)


@given(st.text(alphabet="{}ab_ .\n", max_size=60))
def test_what_is_admitted_can_be_filled(text: str) -> None:
    text = text.replace("a", "operator").replace("b", "code")
    if not unknown(text, "on"):
        assert "{" not in fill(text, dict.fromkeys(placeholders.ALLOWED["on"], "x"))
