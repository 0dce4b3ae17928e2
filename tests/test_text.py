import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import asyncgen
from asyncgen.text import ascii_json, one_line, printable, quantity


@given(st.text())
def test_nothing_that_cannot_be_printed_is_left(text: str) -> None:
    assert one_line(text).isprintable()
    assert all(line.isprintable() for line in printable(text).replace("\t", " ").split("\n"))
    assert len(printable(text)) == len(text)


def test_spaces_of_any_width_are_spaces_and_what_is_invisible_or_turns_directions_is_not() -> None:
    assert one_line("Durée\u00a0: trois quarts d'heure, 5\u202f€") == "Durée : trois quarts d'heure, 5 €"
    assert printable("a\u2009b\u3000c\n\td") == "a b c\n\td"
    unseen = "\x1b\x85\u200b\u200d\u2028\u202e\u2066\ufeff"
    assert one_line(unseen) == "?" * len(unseen)


@given(st.text())
def test_escaped_json_is_plain_ascii_and_says_the_same(text: str) -> None:
    document = ascii_json(json.dumps({"name": text}, ensure_ascii=False))
    assert all(" " <= character <= "~" for character in document)
    assert json.loads(document) == {"name": text}


def test_what_there_is_one_of_is_not_told_in_the_plural() -> None:
    assert [quantity(number, "line") for number in (0, 1, 1000)] == ["0 lines", "1 line", "1,000 lines"]
    assert quantity(1, "batch", "batches") == "1 batch"
    # Tokens, bytes and characters are never few.
    kinds = r"(?!tokens|bytes|characters)[a-z]{3,}s|indices"
    beside = re.compile(rf"\{{(?![A-Z_]+\b)[^{{}}]*:,\}} (?:(?:flagged|planned|different) )?(?:{kinds})\b")
    found = {
        f"{path.stem}: {match[0]}"
        for path in Path(asyncgen.__file__).parent.rglob("*.py")
        for match in beside.finditer(path.read_text("utf-8"))
        if path.stem != "text"
    }
    assert found == set()
