"""Near-duplicates: lines whose texts share most of their runs of three words, at a million lines and on one core.

MinHash finds candidates, an imprint of each text discards most of those that are none, the texts themselves decide.
The minima come from one permutation: on the circle of all hashes, the first one of a text behind each of 120 marks
(Shrivastava and Li 2014, "Densifying One Permutation Hashing via Rotation"). Two texts have the same one there with the
probability that is their similarity. One sort instead of a hundred passes makes plain Python fast enough to need no
library. Of a line some 200 bytes are kept, in arrays.

A candidate is compared with the first line of each group in its bucket and never with all of them, so a file of equal
lines, or one with a piece of text that all lines share, costs linear time.
"""

import math
import random
import struct
from array import array
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import compress, groupby, repeat
from typing import TypeAlias

from asyncgen.audit.reading.words import WordNumbers, hash_shingles, split_words
from asyncgen.audit.results import Cluster, Duplicates, Level
from asyncgen.audit.rules import Finding

THRESHOLD = 0.5  # Jaccard similarity from which texts are near-duplicates: one word in eight may be another
LEVELS = (THRESHOLD, 0.65, 0.8)  # for which an audit counts them; at 0.8 one word in twenty may be another, hardly more
SHINGLE_WORDS = 3
MINIMA = 120
KEY_BYTES = 3  # of a band's hash; the imprints tell apart what meets by chance
IMPRINT_BITS = 512
IMPRINT_BYTES = IMPRINT_BITS // 8
MOST_SHINGLES = 4096  # the imprints of longer texts are full and tell nothing
RECALL = 0.995  # of candidates among pairs exactly at the threshold; above it more
MAX_ROWS = 12
MAX_REPRESENTATIVES = 16  # lines of a bucket that others are compared with
MAX_KEPT = 256  # lines of a cluster that stay and that the next ones are compared with, the latest of them
MAX_MISSES = 16  # unlike lines that a line is read for
MAX_REMEMBERED = 1 << 18  # pairs that have been compared; some 40 MB
MAX_HELD_SHINGLES = 1 << 18  # some 25 MB
LARGEST = 20

Shingles: TypeAlias = frozenset[int]
Signature: TypeAlias = tuple[int, bytes, int, bytes]  # a digest of the words, the bands' keys, the size, the imprint


def summarise(clusters: Sequence[Sequence[int]], levels: Mapping[float, int]) -> Duplicates:
    """`levels`: lines that repeat an earlier one, by the similarity; the clusters are those of the lowest."""
    largest = sorted(clusters, key=len, reverse=True)[:LARGEST]
    return Duplicates(
        threshold=min(levels),
        clusters=len(clusters),
        lines=sum(map(len, clusters)) - len(clusters),
        largest=[Cluster(size=len(each), first=each[0], others=list(each[1:11])) for each in largest],
        levels=[Level(threshold=threshold, lines=lines) for threshold, lines in levels.items()],
    )


def find_repeats(clusters: Iterable[Sequence[int]], rule: str) -> Iterator[Finding]:
    """Every line of a cluster but the first."""
    for first, *others in clusters:
        for line in others:
            yield Finding(rule, line, None, f"like line {first}", like=first)


class NearDuplicates:
    """Takes texts one by one and then says which lines belong together.

    Texts without a word are like nothing. Texts of one or two words are alike when they are equal. `words`: numbers of
    words that others use too. `levels`: higher similarities for which lines are counted as well.
    """

    def __init__(
        self, threshold: float = THRESHOLD, words: WordNumbers | None = None, *, levels: Iterable[float] = ()
    ) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"the threshold is {threshold}, but must be above 0 and at most 1")
        self.threshold = threshold
        self._thresholds = sorted({threshold, *levels})
        self.repeats: dict[float, int] = {}  # of `clusters`: lines that repeat an earlier one, by threshold
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
        self.add_signature(record_number, offset, sign(self._words.number(split_words(text)), self.threshold))

    def add_signature(self, record_number: int, offset: int, signature: "Signature | None") -> None:
        """What `sign` gives for the words of a text and this threshold, where others have asked for it."""
        if signature is None:
            return
        digest, keys, size, imprint = signature
        self._numbers.append(record_number)
        self._offsets.append(offset)
        self._digests.append(digest)
        self._keys += keys
        self._sizes.append(size)
        self._imprints += imprint

    def clusters(self, read: Callable[[int], str], most_held: int = MAX_HELD_SHINGLES) -> list[list[int]]:
        """Numbers of the lines that belong together, by twos at least; clusters and lines ascend.

        `read` gives the text at an offset again. Lines of a cluster are linked by pairs that reach the threshold, so
        two lines in it may be less alike than that (single linkage). `most_held`: shingles of texts that are kept at
        hand meanwhile.
        """
        groups = self._group(self._texts(read, most_held))
        return [[self._numbers[place] for place in each] for each in groups]

    def superfluous(self, read: Callable[[int], str], most_held: int = MAX_HELD_SHINGLES) -> list[int]:
        """Numbers of lines without which no two that stay are alike: each is like an earlier line that stays.

        Of a cluster more than the first may stay, because like is not transitive: at a low threshold a chain of lines,
        each like the next, may reach from one end of a file to the other.
        """
        texts = self._texts(read, most_held)
        left_out = []
        for group in self._group(texts):
            kept: deque[int] = deque(maxlen=MAX_KEPT)
            for place in group:
                if any(self._are_alike(other, place, texts) for other in kept):
                    left_out.append(self._numbers[place])
                else:
                    kept.appendleft(place)
        return sorted(left_out)

    def _texts(self, read: Callable[[int], str], most_held: int) -> "_Texts":
        return _Texts(lambda place: _shingle(self._words.number(split_words(read(self._offsets[place])))), most_held)

    def _are_alike(self, one: int, other: int, texts: "_Texts") -> bool:
        if self._digests[one] == self._digests[other]:
            return True
        differing = (self._imprint_of(one) ^ self._imprint_of(other)).bit_count()
        if differing > self._most_differing[self._sizes[one] + self._sizes[other]]:
            return False
        return _similarity(texts[one], texts[other]) >= self.threshold

    def _imprint_of(self, place: int) -> int:
        return int.from_bytes(self._imprints[place * IMPRINT_BYTES : (place + 1) * IMPRINT_BYTES])

    def _group(self, texts: "_Texts") -> list[list[int]]:
        """Places that belong together."""
        levels = [_Groups(len(self._numbers)) for _ in self._thresholds]
        for bucket in _find_buckets(self._digests, range(len(self._digests))):
            for place in bucket[1:]:
                for groups in levels:
                    groups.join(bucket[0], place)
        alike = _Verdicts(texts, self._thresholds, levels)
        firsts = array("I", levels[0].firsts())
        for band in range(self._bands):
            columns = [self._keys[band + each * self._bands :: KEY_BYTES * self._bands] for each in range(KEY_BYTES)]
            keys = array("q", map(hash, zip(*columns, strict=True)))
            for bucket in _find_buckets(keys, firsts):
                self._compare(bucket, alike)
        self.repeats = {
            threshold: len(self._numbers) - sum(1 for _ in groups.firsts())
            for threshold, groups in zip(self._thresholds, levels, strict=True)
        }
        return levels[0].of_two_or_more()

    def _compare(self, bucket: Sequence[int], alike: "_Verdicts") -> None:
        """Join what is alike: all pairs of a small bucket, in a larger one each line with the first of each group."""
        most_differing, is_small = self._most_differing, len(bucket) <= MAX_REPRESENTATIVES
        representatives: list[tuple[int, int, int]] = []
        for place in bucket:
            imprint, size = self._imprint_of(place), self._sizes[place]
            candidates = [
                other
                for other, its_imprint, its_size in representatives
                if (imprint ^ its_imprint).bit_count() <= most_differing[size + its_size]
            ]
            is_new = True
            for other in candidates:
                if alike.join(other, place):
                    is_new = False
            if is_small or (is_new and len(representatives) < MAX_REPRESENTATIVES):
                representatives.append((place, imprint, size))


def sign(words: Sequence[int], threshold: float = THRESHOLD) -> Signature | None:
    """What is kept of a text, by its words' numbers; None without a word."""
    if not words:
        return None
    ascending = sorted(_shingle(words))
    size = min(len(ascending), MOST_SHINGLES)
    return hash(tuple(words)), _band_keys(ascending, _choose_rows(threshold)), size, _imprint(ascending)


@lru_cache(maxsize=16)
def _choose_rows(threshold: float) -> int:
    """Minima to a band: as many as still find `RECALL` of the pairs at the threshold; 3 at 0.5 and 6 at 0.8.

    With r rows in each of b bands a pair of similarity s becomes a candidate with probability 1 - (1 - s^r)^b
    (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4.2).
    """
    fitting = (rows for rows in range(1, MAX_ROWS + 1) if 1 - (1 - threshold**rows) ** (MINIMA // rows) >= RECALL)
    return max(fitting, default=1)


def _band_keys(ascending: Sequence[int], rows: int) -> bytes:
    """Equal where all minima of a band are."""
    circle = [*ascending, ascending[0]]
    minima = list(map(circle.__getitem__, map(bisect_left, repeat(ascending), _MARKS)))
    bands = MINIMA // rows
    keys = map(hash, zip(*[minima[row * bands : (row + 1) * bands] for row in range(rows)], strict=True))
    packed = array("q", keys).tobytes()
    return b"".join([packed[each::8] for each in range(KEY_BYTES)])


# In a fixed disorder: neighbours often have the same minimum, and bands of neighbours would be found or lost together.
_MARKS = random.Random(1).sample(range(-(2**63), 2**63, 2**64 // MINIMA)[:MINIMA], MINIMA)  # noqa: S311 - no secret


def _imprint(shingles: Sequence[int]) -> bytes:
    """A bit for each shingle, as in a Bloom filter with one hash.

    Two imprints differ in at most as many bits as there are shingles in one text only, and in about so many while they
    are not full: that tells 0.8 from 0.7 in texts of a few hundred words, where the minima that agree would not.
    """
    packed = struct.pack(f"{len(shingles)}q", *shingles)
    places, halves = packed[::8], packed[1::8].translate(_IS_ODD)
    upper, lower = set(compress(places, halves)), set(compress(places, halves.translate(_IS_NONE)))
    bits = sum(map(_BITS.__getitem__, upper)) << IMPRINT_BITS // 2 | sum(map(_BITS.__getitem__, lower))
    return bits.to_bytes(IMPRINT_BYTES)


# A place is a byte of a shingle and a bit of its next one, which says in which half it is.
_BITS = [1 << place for place in range(IMPRINT_BITS // 2)]
_IS_ODD = bytes(each & 1 for each in range(256))
_IS_NONE = bytes(not each for each in range(256))


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


def _similarity(one: Shingles, other: Shingles) -> float:
    """Jaccard's."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


class _Verdicts:
    """Compares the texts themselves. Bounded for every line, so that no file makes an audit endless.

    `levels`: the groups of each threshold, the lowest first.
    """

    def __init__(self, texts: "_Texts", thresholds: Sequence[float], levels: Sequence["_Groups"]) -> None:
        self._texts = texts
        self._levels = list(zip(thresholds, levels, strict=True))
        self._lowest, self._highest = levels[0], levels[-1]
        self._lines = levels[0].count
        self._misses = bytearray(self._lines)
        self._compared: set[int] = set()  # pairs as numbers: a third of what tuples of two take

    def join(self, one: int, other: int) -> bool:
        """Put two lines into one group of each level that they reach; whether they are in one of the lowest."""
        if self._highest.are_joined(one, other):
            return True
        pair = one * self._lines + other
        if self._misses[other] < MAX_MISSES and pair not in self._compared:
            similarity = _similarity(self._texts[one], self._texts[other])
            news = [groups.join(one, other) for threshold, groups in self._levels if similarity >= threshold]
            self._misses[other] += not any(news)
            if len(self._compared) >= MAX_REMEMBERED:
                self._compared.clear()  # costs another look, no more
            self._compared.add(pair)
        return self._lowest.are_joined(one, other)


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
        self.count = count
        self._parents = array("I", range(count))

    def first(self, place: int) -> int:
        parents = self._parents
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    def are_joined(self, one: int, other: int) -> bool:
        return self._parents[one] == self._parents[other] or self.first(one) == self.first(other)

    def join(self, one: int, other: int) -> bool:
        """Whether they were apart until then."""
        first, second = sorted((self.first(one), self.first(other)))
        self._parents[second] = first
        return first != second

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
