"""Near-duplicates: lines whose texts share most of their runs of three words, at a million lines and on one core.

MinHash finds candidates, an imprint of each text discards most of those that are none, the texts themselves decide.
The minima come from one permutation: on the circle of all hashes, the first one of a text behind each of 120 marks
(Shrivastava and Li 2014, "Densifying One Permutation Hashing via Rotation"). Two texts have the same one there with the
probability that is their similarity. One sort instead of a hundred passes makes plain Python fast enough to need no
library. Of a line 146 bytes are kept, in arrays.

A candidate is compared with the first line of each group in its bucket and never with all of them, so a file of equal
lines, or one with a piece of text that all lines share, costs linear time.
"""

import math
import random
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, repeat
from typing import TypeAlias

import msgspec

from asyncgen.audit.rules import Finding
from asyncgen.audit.words import WordNumbers, hash_shingles, split_words

SHINGLE_WORDS = 3
MINIMA = 120
KEY_BYTES = 3  # of a band's hash; the imprints tell apart what meets by chance
IMPRINT_BITS = 512
IMPRINT_BYTES = IMPRINT_BITS // 8
MOST_SHINGLES = 4096  # the imprints of longer texts are full and tell nothing
RECALL = 0.995  # of candidates among pairs exactly at the threshold; above it more
MAX_ROWS = 12
MAX_REPRESENTATIVES = 16  # lines of a bucket that others are compared with
MAX_MISSES = 16  # unlike lines that a line is read for
MAX_REMEMBERED = 1 << 18  # pairs found unlike; some 40 MB
MAX_HELD_SHINGLES = 1 << 18  # some 25 MB
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
            yield Finding(rule, line, None, f"like line {first}", like=first)


class NearDuplicates:
    """Takes texts one by one and then says which lines belong together.

    Texts without a word are like nothing. Texts of one or two words are alike when they are equal. `words`: numbers of
    words that others use too.
    """

    def __init__(self, threshold: float = 0.8, words: WordNumbers | None = None) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"the threshold is {threshold}, but must be above 0 and at most 1")
        self.threshold = threshold
        self._rows = _choose_rows(threshold)
        self._bands = MINIMA // self._rows
        self._most_differing = _most_differing_bits(threshold)
        self._words = words or WordNumbers()
        self._numbers = array("I")
        self._offsets = array("Q")
        self._digests = array("q")  # equal for equal words
        self._keys = bytearray()  # of each line: the first byte of all bands' keys, then the second, then the third
        self._sizes = array("H")  # in shingles, as far as they count
        self._imprints = bytearray()

    def add(self, record_number: int, offset: int, text: str) -> None:
        self.add_words(record_number, offset, self._words.number(split_words(text)))

    def add_words(self, record_number: int, offset: int, words: Sequence[int]) -> None:
        """A text as its words' numbers, where others need them too."""
        if not words:
            return
        shingles = _shingle(words)
        self._numbers.append(record_number)
        self._offsets.append(offset)
        self._digests.append(hash(tuple(words)))
        self._keys += _band_keys(shingles, self._rows)
        self._sizes.append(min(len(shingles), MOST_SHINGLES))
        self._imprints += _imprint(shingles)

    def clusters(self, read: Callable[[int], str], most_held: int = MAX_HELD_SHINGLES) -> list[list[int]]:
        """Numbers of the lines that belong together, by twos at least; clusters and lines ascend.

        `read` gives the text at an offset again. Lines of a cluster are linked by pairs that reach the threshold, so
        two lines in it may be less alike than that (single linkage). `most_held`: shingles of texts that are kept at
        hand meanwhile.
        """
        groups = _Groups(len(self._numbers))
        for bucket in _find_buckets(self._digests, range(len(self._digests))):
            for place in bucket[1:]:
                groups.join(bucket[0], place)
        texts = _Texts(lambda place: _shingle(self._words.number(split_words(read(self._offsets[place])))), most_held)
        alike = _Verdicts(texts, self.threshold, len(self._numbers))
        firsts = array("I", groups.firsts())
        for band in range(self._bands):
            columns = [self._keys[band + each * self._bands :: KEY_BYTES * self._bands] for each in range(KEY_BYTES)]
            keys = array("q", map(hash, zip(*columns, strict=True)))
            for bucket in _find_buckets(keys, firsts):
                self._compare(bucket, groups, alike)
        return [[self._numbers[place] for place in each] for each in groups.of_two_or_more()]

    def _compare(self, bucket: Sequence[int], groups: "_Groups", alike: "_Verdicts") -> None:
        """Join what is alike: all pairs of a small bucket, in a larger one each line with the first of each group."""
        most_differing, is_small = self._most_differing, len(bucket) <= MAX_REPRESENTATIVES
        representatives: list[tuple[int, int, int]] = []
        for place in bucket:
            imprint = int.from_bytes(self._imprints[place * IMPRINT_BYTES : (place + 1) * IMPRINT_BYTES])
            size = self._sizes[place]
            candidates = [
                other
                for other, its_imprint, its_size in representatives
                if (imprint ^ its_imprint).bit_count() <= most_differing[size + its_size]
            ]
            is_new = True
            for other in candidates:
                if groups.are_joined(other, place):
                    is_new = False
                elif alike.check(other, place):
                    groups.join(other, place)
                    is_new = False
            if is_small or (is_new and len(representatives) < MAX_REPRESENTATIVES):
                representatives.append((place, imprint, size))


def _choose_rows(threshold: float) -> int:
    """Minima to a band: as many as still find `RECALL` of the pairs at the threshold; 6 at 0.8.

    With r rows in each of b bands a pair of similarity s becomes a candidate with probability 1 - (1 - s^r)^b
    (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4.2).
    """
    fitting = (rows for rows in range(1, MAX_ROWS + 1) if 1 - (1 - threshold**rows) ** (MINIMA // rows) >= RECALL)
    return max(fitting, default=1)


def _band_keys(shingles: Shingles, rows: int) -> bytes:
    """Equal where all minima of a band are."""
    ascending = sorted(shingles)
    circle = [*ascending, ascending[0]]
    minima = list(map(circle.__getitem__, map(bisect_left, repeat(ascending), _MARKS)))
    bands = MINIMA // rows
    keys = map(hash, zip(*[minima[row * bands : (row + 1) * bands] for row in range(rows)], strict=True))
    packed = array("q", keys).tobytes()
    return b"".join([packed[each::8] for each in range(KEY_BYTES)])


# In a fixed disorder: neighbours often have the same minimum, and bands of neighbours would be found or lost together.
_MARKS = random.Random(1).sample(range(-(2**63), 2**63, 2**64 // MINIMA)[:MINIMA], MINIMA)  # noqa: S311 - no secret


def _imprint(shingles: Shingles) -> bytes:
    """A bit for each shingle, as in a Bloom filter with one hash.

    Two imprints differ in at most as many bits as there are shingles in one text only, and in about so many while they
    are not full: that tells 0.8 from 0.7 in texts of a few hundred words, where the minima that agree would not.
    """
    bits = bytearray(b"0" * IMPRINT_BITS)
    for shingle in shingles:
        bits[shingle % IMPRINT_BITS] = 0x31
    return int(bits, 2).to_bytes(IMPRINT_BYTES)


@lru_cache(maxsize=4)
def _most_differing_bits(threshold: float) -> Sequence[int]:
    """In how many bits imprints at the threshold differ, by the sum of the texts' sizes.

    The mean (Whang et al. 1990, "A Linear-Time Probabilistic Counting Algorithm") and three standard deviations, as the
    least equal pairs: those of which one text has all that the other lacks.
    """
    most = []
    kept = 1 - 1 / IMPRINT_BITS  # the share of free bits that a shingle leaves free
    for size in range(2 * MOST_SHINGLES):
        in_one_only = size * (1 - threshold) / (1 + threshold)
        free = IMPRINT_BITS * kept ** ((size - in_one_only) / 2)
        differing = free * (1 - kept**in_one_only)
        most.append(int(min(in_one_only + 1e-6, differing + 3 * math.sqrt(differing))))
    return [*most, IMPRINT_BITS]


def _shingle(words: Sequence[int]) -> Shingles:
    if len(words) < SHINGLE_WORDS:
        return frozenset([hash(tuple(words))])
    return frozenset(hash_shingles(words, SHINGLE_WORDS))


class _Verdicts:
    """Compares the texts themselves. Bounded for every line, so that no file makes an audit endless."""

    def __init__(self, texts: "_Texts", threshold: float, lines: int) -> None:
        self._texts = texts
        self._threshold = threshold
        self._lines = lines
        self._misses = bytearray(lines)
        self._unlike: set[int] = set()  # pairs as numbers: a third of what tuples of two take

    def check(self, one: int, other: int) -> bool:
        pair = one * self._lines + other
        if self._misses[other] >= MAX_MISSES or pair in self._unlike:
            return False
        shingles, others = self._texts[one], self._texts[other]
        common = len(shingles & others)
        if common / (len(shingles) + len(others) - common) >= self._threshold:  # the Jaccard similarity
            return True
        self._misses[other] += 1
        if len(self._unlike) >= MAX_REMEMBERED:
            self._unlike.clear()  # costs another look, no more
        self._unlike.add(pair)
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

    def __init__(self, load: Callable[[int], Shingles], most_held: int) -> None:
        self._load = load
        self._most_held = most_held
        self._latest: OrderedDict[int, Shingles] = OrderedDict()
        self._held = 0

    def __getitem__(self, place: int) -> Shingles:
        if (shingles := self._latest.get(place)) is not None:
            self._latest.move_to_end(place)
            return shingles
        shingles = self._latest[place] = self._load(place)
        self._held += len(shingles)
        while self._held > self._most_held and len(self._latest) > 1:
            _, oldest = self._latest.popitem(last=False)
            self._held -= len(oldest)
        return shingles
