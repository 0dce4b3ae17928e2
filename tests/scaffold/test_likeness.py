"""Which short texts are taken for one another."""

from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.audit.reading.words import split_words
from asyncgen.scaffold.likeness import Likeness
from asyncgen.scaffold.widen import ALIKE, SAME_FACT


@each_row(
    ("one", "other", "share", "are_alike"),
    [
        ("Hello there!", "hello, there", ALIKE, True),
        ("how can I rent a bike", "How can I rent a bike today?", ALIKE, True),
        ("how can I rent a bike", "how do I sell a bike", ALIKE, False),
        ("hi", "hi there", ALIKE, False),
        ("a repair takes 2 days", "a repair takes 3 days", ALIKE, False),
        ("A repair of a bike costs 20 euros.", "A repair of a tyre costs 20 euros.", SAME_FACT, False),
        ("A repair costs 20 euros.", "A repair costs 20 euros", SAME_FACT, True),
        ("costs of a repair", "a repair of costs", SAME_FACT, True),
        (":)", ":)", ALIKE, True),
        (":)", ":(", ALIKE, False),
        ("你好吗", "你好吗?", ALIKE, True),
        ("你好吗", "修车多少钱", ALIKE, False),
    ],
)
def test_texts_are_alike_when_nearly_all_of_their_words_are_the_same(
    one: str, other: str, share: float, *, are_alike: bool
) -> None:
    likeness = Likeness(split_words, share)
    assert (likeness.find_new([one], [other]) == []) == are_alike
    assert (likeness.find_new([other, one], []) == [other]) == are_alike


TEXTS = st.lists(st.text(max_size=20), max_size=8)


@given(TEXTS, TEXTS)
def test_what_is_new_is_like_nothing_known_and_finding_it_again_changes_nothing(
    texts: list[str], known: list[str]
) -> None:
    likeness = Likeness(split_words, ALIKE)
    new = likeness.find_new(texts, known)
    assert set(new) <= set(texts) - set(known)
    assert likeness.find_new(new, known) == new
    assert likeness.find_new(new, new) == []
