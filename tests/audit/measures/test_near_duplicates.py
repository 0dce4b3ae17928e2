import math
import operator
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row, first
from sweep import at_most

from asyncgen.audit.measures import near_duplicates
from asyncgen.audit.measures.near_duplicates import MAX_HELD_SHINGLES, NearDuplicates, find_repeats, summarise
from asyncgen.audit.results import Cluster, Duplicates, Level
from asyncgen.audit.rules import Finding

VOCABULARY = [f"word{number}" for number in range(2_000)]

PRINT_CLUSTERS = """
from random import Random
from asyncgen.audit.measures.near_duplicates import NearDuplicates
random = Random(3)
texts = [" ".join(random.choices("abcdefghij", k=12)) for _ in range(60)]
texts += [text + " " + random.choice("xyz") for text in texts]
near = NearDuplicates(0.7)
for number, text in enumerate(texts):
    near.add(number, number, text)
print(near.clusters(texts.__getitem__))
"""


def find_clusters(texts: Sequence[str], threshold: float = 0.8) -> list[list[int]]:
    """Lines are counted from 1; a text's offset is its place in the list."""
    near = NearDuplicates(threshold)
    for place, text in enumerate(texts):
        near.add(place + 1, place, text)
    return near.clusters(texts.__getitem__)


def draw_text(random: Random, words: int) -> str:
    return " ".join(random.choices(VOCABULARY, k=words))


def replace_word(text: str, place: int, word: str = "different") -> str:
    words = text.split()
    words[place] = word
    return " ".join(words)


def similarity(one: str, other: str) -> float:
    """By definition, with shingles of words."""
    first, second = (set(zip(each.split(), each.split()[1:], each.split()[2:], strict=False)) for each in (one, other))
    return len(first & second) / len(first | second)


def test_a_text_with_one_word_changed_is_a_near_duplicate() -> None:
    random = Random(1)
    texts = [draw_text(random, 80) for _ in range(20)]
    assert find_clusters([*texts, replace_word(texts[4], 40), texts[9]]) == [[5, 21], [10, 22]]


def test_case_punctuation_and_blanks_make_no_difference() -> None:
    assert find_clusters(["It is small, and proud of it.", "it is   SMALL\nand proud of it", "It is large."]) == [
        [1, 2]
    ]


@each_row(
    ("texts", "clusters"),
    [
        ([], []),
        (["", "", "?!"], []),
        (["Yes.", "yes", "no"], [[1, 2]]),
        (["Hello there", "there hello", "hello there!"], [[1, 3]]),
        (["one two three", "one two three four", "one two three"], [[1, 3]]),
    ],
)
def test_texts_of_a_few_words_are_alike_when_they_are_equal(texts: list[str], clusters: list[list[int]]) -> None:
    assert find_clusters(texts) == clusters


def test_a_threshold_of_one_asks_for_the_same_runs_of_words() -> None:
    text = draw_text(Random(2), 50)
    assert find_clusters([text, replace_word(text, 0), text], threshold=1) == [[1, 3]]


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        NearDuplicates(threshold)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("words", [25, 120])
def test_the_pairs_found_are_those_of_all_against_all(threshold: float, words: int) -> None:
    random = Random(words)
    texts = [draw_text(random, words) for _ in range(150)]
    for text in list(texts):
        for _ in range(random.randrange(words // 8)):
            text = replace_word(text, random.randrange(words), f"other{random.randrange(10**9)}")  # noqa: PLW2901
        texts.append(text)
    alike = {(one + 1, one + 151) for one in range(150) if similarity(texts[one], texts[one + 150]) >= threshold}
    found = {(one, other) for one, other in find_clusters(texts, threshold)}
    assert found <= alike
    assert len(found) >= 0.97 * len(alike)
    assert len(alike) > 20


@at_most(40)
@given(st.lists(st.text("ab ", min_size=1, max_size=30), max_size=25), st.sampled_from([0.5, 0.8, 1.0]))
def test_each_line_of_a_cluster_is_like_another_one_of_it(texts: list[str], threshold: float) -> None:
    clusters = find_clusters(texts, threshold)
    assert clusters == sorted(clusters)
    lines = [line for cluster in clusters for line in cluster]
    assert len(lines) == len(set(lines))
    for cluster in clusters:
        assert cluster == sorted(cluster)
        for line in cluster:
            assert any(_are_alike(texts[line - 1], texts[other - 1], threshold) for other in cluster if other != line)


def _are_alike(one: str, other: str, threshold: float) -> bool:
    if one.split() == other.split():
        return True
    return min(len(one.split()), len(other.split())) > 2 and similarity(one, other) >= threshold


def test_a_line_like_one_that_is_not_its_clusters_first_belongs_to_it() -> None:
    """a and b are alike, b and c are, a and c are not."""
    random = Random(5)
    clusters = []
    for _ in range(20):
        first = draw_text(random, 60)
        second = replace_word(replace_word(first, 10), 30)
        third = replace_word(replace_word(second, 20), 50)
        assert similarity(first, second) >= 0.8 <= similarity(second, third)
        assert similarity(first, third) < 0.8
        clusters.append(find_clusters([first, second, third]))
    assert clusters.count([[1, 2, 3]]) >= 19


def test_lines_without_words_leave_the_numbers_of_the_others_alone() -> None:
    assert find_clusters(["", "the same words", "...", "the same words"]) == [[2, 4]]


def test_equal_lines_are_never_read_again() -> None:
    near = NearDuplicates(0.8)
    for number in range(1, 5_001):
        near.add(number, number, "the very same words in every line")

    def refuse(_: int) -> str:
        raise AssertionError("read")

    assert near.clusters(refuse) == [list(range(1, 5_001))]


def cluster_counting_reads(texts: Sequence[str], most_held: int = MAX_HELD_SHINGLES) -> tuple[list[list[int]], int]:
    """The clusters, and how many texts were read again to find them."""
    near = NearDuplicates(0.8)
    for number, text in enumerate(texts):
        near.add(number, number, text)
    reads = []

    def read(offset: int) -> str:
        reads.append(offset)
        return texts[offset]

    return near.clusters(read, most_held), len(reads)


def test_lines_that_share_a_long_piece_are_read_a_bounded_number_of_times() -> None:
    random = Random(7)
    common = draw_text(random, 90)
    texts = [f"{common} {draw_text(random, 16)}" for _ in range(400)]
    assert 0.6 < similarity(texts[0], texts[1]) < 0.8
    clusters, reads = cluster_counting_reads(texts)
    assert clusters == []
    assert reads <= len(texts)  # each once: they fit the cache


def test_no_line_is_compared_with_more_than_a_few_unlike_ones() -> None:
    random = Random(7)
    common = draw_text(random, 90)
    texts = [f"{common} {draw_text(random, 16)}" for _ in range(200)]
    _, reads = cluster_counting_reads(texts, most_held=0)
    assert reads <= 2 * near_duplicates.MAX_MISSES * len(texts)


def test_near_duplicates_stay_together_in_a_bucket_of_many() -> None:
    """Variants of one text, more than a bucket compares all against all."""
    random = Random(8)
    base = draw_text(random, 100)
    texts = [replace_word(base, random.randrange(100), f"other{number}") for number in range(300)]
    assert find_clusters(texts) == [list(range(1, 301))]


def test_a_text_of_a_megabyte_is_compared_like_any_other() -> None:
    text = draw_text(Random(9), 120_000)
    assert len(text) > 1_000_000
    assert find_clusters([text, "a short one in between", replace_word(text, 5)]) == [[1, 3]]


@pytest.mark.slow
def test_the_clusters_are_the_same_in_every_process() -> None:
    outputs = {
        subprocess.check_output([sys.executable, "-c", PRINT_CLUSTERS], env={"PYTHONHASHSEED": seed}, text=True)
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs != {"[]\n"}


def test_a_line_takes_206_bytes() -> None:
    random = Random(10)
    near = NearDuplicates()
    for number in range(1_000):
        near.add(number, number, draw_text(random, 30))
    arrays = (near._numbers, near._offsets, near._digests, near._sizes)
    assert sum(len(each) * each.itemsize for each in arrays) + len(near._keys) + len(near._imprints) == 206 * 1_000


def draw_pair(random: Random, size: int, similarity: float) -> tuple[list[int], list[int]]:
    common = math.ceil(2 * size * similarity / (1 + similarity) - 1e-9)
    shingles = [random.getrandbits(64) - 2**63 for _ in range(2 * size - common)]
    return sorted(shingles[:size]), sorted([*shingles[:common], *shingles[size:]])


@pytest.mark.parametrize("size", [18, 63, 450])
def test_minima_agree_as_often_as_the_texts_are_similar(size: int) -> None:
    random = Random(11)
    equal: list[bool] = []
    for _ in range(60):
        one, other = draw_pair(random, size, 0.8)
        first, second = (near_duplicates._band_keys(each, 1)[: near_duplicates.MINIMA] for each in (one, other))
        equal += map(operator.eq, first, second)
    assert abs(sum(equal) / len(equal) - 0.8) < 0.03


@pytest.mark.parametrize("size", first(2, [15, 400, 100, 1_000]))
def test_imprints_tell_pairs_at_the_threshold_from_those_far_below(size: int) -> None:
    random = Random(12)

    def passes(similarity: float) -> bool:
        one, other = draw_pair(random, size, similarity)
        first, second = (int.from_bytes(near_duplicates._imprint(each)) for each in (one, other))
        return (first ^ second).bit_count() <= near_duplicates._most_differing_bits(0.8)[2 * size]

    assert sum(passes(0.8) for _ in range(300)) >= 297
    assert sum(passes(0.5) for _ in range(300)) <= 3


@each_row(("threshold", "rows"), [(0.5, 3), (0.7, 4), (0.8, 6), (0.9, 9), (1.0, 12)])
def test_rows_are_as_many_as_still_find_a_pair_at_the_threshold(threshold: float, rows: int) -> None:
    assert near_duplicates._choose_rows(threshold) == rows


def test_findings_are_all_lines_of_a_cluster_but_the_first() -> None:
    assert list(find_repeats([[2, 5, 9], [3, 4]], "near-duplicate")) == [
        Finding("near-duplicate", 5, None, "like line 2", like=2),
        Finding("near-duplicate", 9, None, "like line 2", like=2),
        Finding("near-duplicate", 4, None, "like line 3", like=3),
    ]


def test_the_summary_counts_repeats_and_names_the_largest_clusters() -> None:
    clusters = [[1, 2], [3, *range(10, 40)]]
    assert summarise(clusters, {0.5: 31, 0.8: 7}) == Duplicates(
        threshold=0.5,
        clusters=2,
        lines=31,
        largest=[
            Cluster(size=31, first=3, others=list(range(10, 20))),
            Cluster(size=2, first=1, others=[2]),
        ],
        levels=[Level(threshold=0.5, lines=31), Level(threshold=0.8, lines=7)],
    )


def test_lines_that_repeat_another_are_counted_from_each_similarity_on() -> None:
    """A line with one word in twenty changed is a duplicate at 0.5 and none at 0.8."""
    random = Random(12)
    near = NearDuplicates(0.5, levels=(0.65, 0.8))
    texts: list[str] = []
    for _ in range(40):
        base = draw_text(random, 100)
        few = replace_word(base, 50)
        some = base
        for place in range(5, 100, 20):
            some = replace_word(some, place, f"other{place}")
        texts += [base, few, some]
    for number, text in enumerate(texts):
        near.add(number, number, text)
    assert len(near.clusters(texts.__getitem__)) == 40
    assert near.repeats == {0.5: 80, 0.65: 80, 0.8: 40}


def test_a_union_is_named_by_its_first_place() -> None:
    groups = near_duplicates._Groups(6)
    for one, other in combinations((5, 3, 1), 2):
        groups.join(one, other)
    assert groups.of_two_or_more() == [[1, 3, 5]]
    assert list(groups.firsts()) == [0, 1, 2, 4]


def test_of_a_chain_those_stay_that_are_like_none_that_stays() -> None:
    random = Random(14)
    chain = [draw_text(random, 100)]
    for link in range(9):
        text = chain[-1]
        for place in range(link, 100, 10):
            text = replace_word(text, place, f"other{link}x{place}")
        chain.append(text)
    near = NearDuplicates(0.5)
    for number, text in enumerate(chain):
        near.add(number, number, text)
    assert near.clusters(chain.__getitem__) == [list(range(10))]
    left_out = near.superfluous(chain.__getitem__)
    stay = [number for number in range(10) if number not in left_out]
    assert 3 <= len(stay) <= 5
    assert all(similarity(chain[one], chain[other]) < 0.5 for one, other in combinations(stay, 2))
    for number in left_out:
        assert any(similarity(chain[number], chain[each]) >= 0.5 for each in stay if each < number)
