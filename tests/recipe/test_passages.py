import re

from hypothesis import given
from hypothesis import strategies as st

from asyncgen.recipe.passages import count_words, cut

TEXT = """\
# Shop
We sell bikes and parts.

## Hours
Open from nine to six.

Closed on Sunday.

## Returns
Within two weeks.

```
# no heading

code
```
"""


def test_a_passage_ends_at_a_heading_and_stands_under_its_own_ones() -> None:
    assert cut(TEXT, 12) == [
        "# Shop\n\nWe sell bikes and parts.",
        "# Shop\n\n## Hours\n\nOpen from nine to six.\n\nClosed on Sunday.",
        "# Shop\n\n## Returns\n\nWithin two weeks.\n\n```\n# no heading\n\ncode\n```",
    ]


def test_what_fits_is_one_passage() -> None:
    assert cut("# a\n\none\n\n## b\n\ntwo", 400) == ["# a\n\none\n\n## b\n\ntwo"]


def test_small_sections_share_a_passage_until_it_is_half_full() -> None:
    text = "\n\n".join(f"## part {number}\n\n{'word ' * 8}" for number in range(4))
    assert [passage.count("## part") for passage in cut(text, 40)] == [2, 2]


def test_a_long_paragraph_is_cut_between_lines_then_sentences_then_words() -> None:
    lines = "\n".join(f"- item {number} of the list" for number in range(6))
    assert cut(lines, 12) == [
        "- item 0 of the list\n- item 1 of the list",
        "- item 2 of the list\n- item 3 of the list",
        "- item 4 of the list\n- item 5 of the list",
    ]
    assert cut("One is one. Two is two! Three is three? Four.", 6) == [
        "One is one. Two is two!",
        "Three is three? Four.",
    ]
    assert cut("a b c d e f g", 3) == ["a b c", "d e f", "g"]


def test_a_script_without_blanks_is_counted_by_characters() -> None:
    assert count_words("自転車 shop です") == 6
    assert cut("自転車は速い。安い。とても軽い自転車です。", 9) == [
        "自転車は速い。",
        "安い。",
        "とても軽い自転車です。",
    ]


def words_of(text: str) -> list[str]:
    return [word for line in text.split("\n") if not re.match(r"#{1,6}\s", line) for word in line.split()]


lines = st.sampled_from(
    ["", "# one", "## two", "### three", "Some words here.", "More. And more!", "- item", "x " * 30]
)


@given(st.lists(lines, max_size=25), st.integers(1, 40))
def test_every_word_is_in_one_passage_and_in_order(parts: list[str], words: int) -> None:
    text = "\n".join(parts)
    passages = cut(text, words)
    assert [word for passage in passages for word in words_of(passage)] == words_of(text)
    assert all(passage.strip() for passage in passages)
    assert all(count_words("\n".join(words_of(passage))) <= words + 5 for passage in passages)


@given(st.text("ab#`\n .", max_size=60), st.integers(1, 5))
def test_no_text_is_lost_whatever_its_marks(text: str, words: int) -> None:
    assert "".join(cut(text, words)).count("a") >= text.count("a")
