"""Near-duplicates: lines whose texts share most of their runs of three words, at a million lines and on one core.

MinHash finds candidates, the texts themselves decide. Sketches come from one permutation (Li, Owen and Zhang 2012,
"One Permutation Hashing") with empty bins filled as in Shrivastava 2017, "Optimal Densification for Fast and Accurate
Minwise Hashing": one sort instead of a hundred passes, which makes plain Python fast enough to need no library. Of a
line 140 bytes are kept, in arrays.

A candidate is compared with the first line of each group in its bucket and never with all of them, so a file of equal
lines, or one with a piece of text that all lines share, costs linear time.
"""

import math
import random
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

import msgspec

from asyncgen.audit.rules import Finding
from asyncgen.audit.words import WordNumbers, hash_shingles, split_words

SHINGLE_WORDS = 3
BINS = 120  # a byte each
RECALL = 0.995  # of candidates among pairs exactly at the threshold; above it more
MAX_ROWS = 12
MAX_REPRESENTATIVES = 16  # lines of a bucket that others are compared with
MAX_MISSES = 16  # unlike lines that a line is read for
MAX_REMEMBERED = 1 << 18  # pairs found unlike; some 40 MB
MAX_CACHED_SHINGLES = 1 << 18  # some 25 MB
LARGEST = 20

Shingles: TypeAlias = frozenset[int]


class Duplicates(msgspec.Struct, frozen=True, kw_only=True):
    """`lines`: those that repeat an earlier one. `largest`: line numbers of the largest clusters, ten of each."""

    threshold: float
    clusters: int
    lines: int
    largest: list["Cluster"]


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """`first` is kept; `others` are the next ones."""

    size: int
    first: int
    others: list[int]


def summarise(clusters: Sequence[Sequence[int]], threshold: float) -> Duplicates:
    largest = sorted(clusters, key=len, reverse=True)[:LARGEST]
    return Duplicates(
        threshold=threshold,
        clusters=len(clusters),
        lines=sum(map(len, clusters)) - len(clusters),
        largest=[Cluster(size=len(each), first=each[0], others=list(each[1:11])) for each in largest],
    )


def find_repeats(clusters: Iterable[Sequence[int]], rule: str) -> Iterator[Finding]:
    """Every line of a cluster but the first."""
    for first, *others in clusters:
        for line in others:
            yield Finding(rule, line, None, f"like line {first}")


class NearDuplicates:
    """Takes texts one by one and then says which lines belong together.

    Texts without a word are like nothing. Texts of one or two words are alike when they are equal.
    """

    def __init__(self, threshold: float = 0.8) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"the threshold is {threshold}, but must be above 0 and at most 1")
        self.threshold = threshold
        self._rows = _choose_rows(threshold)
        self._least_equal = _fewest_equal_bins(threshold)
        self._sketcher = _Sketcher()
        self._words = WordNumbers()
        self._numbers = array("I")
        self._offsets = array("Q")
        self._digests = array("q")  # equal for equal words
        self._sketches = bytearray()  # BINS for each line

    def add(self, record_number: int, offset: int, text: str) -> None:
        words = self._words.number(split_words(text))
        if not words:
            return
        self._numbers.append(record_number)
        self._offsets.append(offset)
        self._digests.append(hash(tuple(words)))
        self._sketches += self._sketcher.sketch(_shingle(words))

    def clusters(self, read: Callable[[int], str]) -> list[list[int]]:
        """Numbers of the lines that belong together, by twos at least; clusters and lines ascend.

        `read` gives the text at an offset again. Lines of a cluster are linked by pairs that reach the threshold, so
        two lines in it may be less alike than that (single linkage).
        """
        groups = _Groups(len(self._numbers))
        for bucket in _find_buckets(self._digests, range(len(self._digests))):
            for place in bucket[1:]:
                groups.join(bucket[0], place)
        texts = _Texts(lambda place: self._shingle_text(read(self._offsets[place])))
        alike = _Verdicts(texts, self.threshold, len(self._numbers))
        firsts = array("I", groups.firsts())
        for band in range(BINS // self._rows):
            for bucket in _find_buckets(self._band_keys(band), firsts):
                self._compare(bucket, groups, alike)
        return [[self._numbers[place] for place in each] for each in groups.of_two_or_more()]

    def _shingle_text(self, text: str) -> Shingles:
        return _shingle(self._words.number(split_words(text)))

    def _band_keys(self, band: int) -> "array[int]":
        rows = range(band * self._rows, (band + 1) * self._rows)
        return array("q", map(hash, zip(*(self._sketches[row::BINS] for row in rows), strict=True)))

    def _compare(self, bucket: Sequence[int], groups: "_Groups", alike: "_Verdicts") -> None:
        """Join what is alike: all pairs of a small bucket, in a larger one each line with the first of each group."""
        representatives: list[int] = []
        for place in bucket:
            is_new = True
            for other in representatives:
                if groups.are_joined(other, place):
                    is_new = False
                elif self._look_alike(other, place) and alike.check(other, place):
                    groups.join(other, place)
                    is_new = False
            if len(representatives) < MAX_REPRESENTATIVES and (is_new or len(bucket) <= MAX_REPRESENTATIVES):
                representatives.append(place)

    def _look_alike(self, one: int, other: int) -> bool:
        first = int.from_bytes(self._sketches[one * BINS : (one + 1) * BINS])
        second = int.from_bytes(self._sketches[other * BINS : (other + 1) * BINS])
        return (first ^ second).to_bytes(BINS).count(0) >= self._least_equal


def _choose_rows(threshold: float) -> int:
    """Bins to a band: as many as still find `RECALL` of the pairs at the threshold; 6 at 0.8.

    With r rows in each of b bands a pair of similarity s becomes a candidate with probability 1 - (1 - s^r)^b
    (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4.2).
    """
    fitting = (rows for rows in range(1, MAX_ROWS + 1) if 1 - (1 - threshold**rows) ** (BINS // rows) >= RECALL)
    return max(fitting, default=1)


def _fewest_equal_bins(threshold: float) -> int:
    """What all but one in a thousand pairs at the threshold reach: three standard deviations below the mean.

    A bin of two sketches is equal with the pair's similarity, or by chance with 1 in 256 (Li and Koenig 2010, "b-Bit
    Minwise Hashing").
    """
    equal = threshold + (1 - threshold) / 256
    return math.ceil(BINS * equal - 3 * math.sqrt(BINS * equal * (1 - equal)))


def _shingle(words: Sequence[int]) -> Shingles:
    if len(words) < SHINGLE_WORDS:
        return frozenset([hash(tuple(words))])
    return frozenset(hash_shingles(words, SHINGLE_WORDS))


def _similarity(one: Shingles, other: Shingles) -> float:
    """The Jaccard similarity, 0 to 1."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


class _Sketcher:
    """The smallest hash in each bin, by 8 of its bits."""

    def __init__(self) -> None:
        self._bin_of = BINS.__rmod__
        order = random.Random(1)  # noqa: S311 - a fixed shuffle, no secret
        self._donors = [order.sample(range(BINS), BINS) for _ in range(BINS)]

    def sketch(self, shingles: Shingles) -> bytes:
        falling = sorted(shingles, reverse=True)
        smallest = dict(zip(map(self._bin_of, falling), falling, strict=True))  # the last one stays: the smallest
        is_filled = smallest.__contains__
        # From the middle of the hash: the low bits name the bin, the high ones are alike in all that are smallest.
        return bytes(
            [
                smallest[each if each in smallest else next(filter(is_filled, donors))] >> 32 & 0xFF
                for each, donors in enumerate(self._donors)
            ]
        )


class _Verdicts:
    """Compares the texts themselves. Bounded for every line, so that no file makes an audit endless."""

    def __init__(self, texts: "_Texts", threshold: float, lines: int) -> None:
        self._texts = texts
        self._threshold = threshold
        self._misses = bytearray(lines)
        self._unlike: set[tuple[int, int]] = set()

    def check(self, one: int, other: int) -> bool:
        if self._misses[other] >= MAX_MISSES or (one, other) in self._unlike:
            return False
        if _similarity(self._texts[one], self._texts[other]) >= self._threshold:
            return True
        self._misses[other] += 1
        if len(self._unlike) >= MAX_REMEMBERED:
            self._unlike.clear()  # costs another look, no more
        self._unlike.add((one, other))
        return False


def _find_buckets(keys: Sequence[int], places: Sequence[int]) -> Iterator[list[int]]:
    """Places whose keys are equal, by twos at least, ascending.

    A first pass marks the keys that may be there twice: what is left to sort is a tenth of an ordinary file.
    """
    mask = (1 << (4 * len(places)).bit_length()) - 1
    seen, again = bytearray(mask + 1), bytearray(mask + 1)
    for place in places:
        slot = keys[place] & mask
        if seen[slot]:
            again[slot] = 1
        seen[slot] = 1
    crowded = [place for place in places if again[keys[place] & mask]]
    crowded.sort(key=keys.__getitem__)
    for _, group in groupby(crowded, key=keys.__getitem__):
        bucket = list(group)
        if len(bucket) > 1:
            yield bucket


class _Groups:
    """Disjoint sets of places; a set is named by its first one."""

    def __init__(self, count: int) -> None:
        self._parents = array("I", range(count))

    def first(self, place: int) -> int:
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    def are_joined(self, one: int, other: int) -> bool:
        return self.first(one) == self.first(other)

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.first(one), self.first(other)))
        self._parents[second] = first

    def firsts(self) -> Iterator[int]:
        return (place for place, parent in enumerate(self._parents) if place == parent)

    def of_two_or_more(self) -> list[list[int]]:
        members: dict[int, list[int]] = {}
        for place, parent in enumerate(self._parents):
            if place != parent:
                first = self.first(place)
                members.setdefault(first, [first]).append(place)
        return [members[first] for first in sorted(members)]


class _Texts:
    """Shingles of lines, the latest ones at hand: a bucket's first line is read once, not once for each other."""

    def __init__(self, load: Callable[[int], Shingles]) -> None:
        self._load = load
        self._latest: OrderedDict[int, Shingles] = OrderedDict()
        self._held = 0

    def __getitem__(self, place: int) -> Shingles:
        if (shingles := self._latest.get(place)) is not None:
            self._latest.move_to_end(place)
            return shingles
        shingles = self._latest[place] = self._load(place)
        self._held += len(shingles)
        while self._held > MAX_CACHED_SHINGLES and len(self._latest) > 1:
            _, oldest = self._latest.popitem(last=False)
            self._held -= len(oldest)
        return shingles
