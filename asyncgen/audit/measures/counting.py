"""Counting in bounded memory what has no bound: the most frequent items, how many differ, a sample of the texts.

All three are exact while a file is small, and give the same answer in every process.
"""

import zlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from itertools import accumulate
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)

DISTINCT_KEPT = 1 << 16
SAMPLE_BYTES = 2 << 20
MAX_TEXT_BYTES = 1 << 16  # of one text in a sample

_SPREAD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: neighbours' products lie far apart (Knuth, 6.4)


class HeavyHitters(Generic[Item]):
    """Counts of the most frequent items, never too high, and too low by `error` at most.

    Misra and Gries 1982, batched as Agarwal et al. 2012 merge summaries ("Mergeable Summaries"): past twice the
    capacity the count that is next in order is taken off all, and what falls to 0 is forgotten. Each time capacity + 1
    counters lose that much, so `error` <= items / (capacity + 1).
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._counts: Counter[Item] = Counter()
        self.error = 0

    def add(self, items: Iterable[Item]) -> None:
        self._counts.update(iter(items))  # a mapping would be taken for counts
        if len(self._counts) > 2 * self._capacity:
            # How many items have each count: nearly all have 1, and are not to be sorted.
            having = sorted(Counter(self._counts.values()).items(), reverse=True)
            ranks = accumulate(items for _, items in having)
            cut = next(count for (count, _), rank in zip(having, ranks, strict=True) if rank > self._capacity)
            self._counts = Counter({item: count - cut for item, count in self._counts.items() if count > cut})
            self.error += cut

    def most_common(self) -> list[tuple[Item, int]]:
        """The most frequent first; equal ones as they came."""
        return self._counts.most_common()


class DistinctCounter:
    """How many different hashes there were: exact while `capacity` holds them, then estimated.

    Wegman's adaptive sampling (Flajolet 1990, "On Adaptive Sampling"): hashes that end in k zero bits are kept, k grows
    when they fill the room, and each stands for 2^k. The standard error is 1.2 / sqrt(capacity), here 0.5 %.
    """

    def __init__(self, capacity: int = DISTINCT_KEPT) -> None:
        self._capacity = capacity
        self._mask = 0
        self._kept: set[int] = set()

    @property
    def is_exact(self) -> bool:
        return self._mask == 0

    @property
    def estimate(self) -> int:
        return len(self._kept) * (self._mask + 1)

    def add(self, hashes: Iterable[int]) -> None:
        mask = self._mask
        self._kept.update([each for each in hashes if not each & mask] if mask else hashes)
        while len(self._kept) > self._capacity:
            mask = self._mask = 2 * self._mask + 1
            self._kept = {each for each in self._kept if not each & mask}


class TextSample:
    """Texts of lines spread over the whole file: all while they fit, then about every other one, and so on.

    Which ones follows from the lines' numbers alone.
    """

    def __init__(self, capacity: int = SAMPLE_BYTES) -> None:
        self._capacity = capacity
        self._mask = 0
        self._texts: list[tuple[int, bytes]] = []
        self._size = 0

    def add(self, number: int, text: str) -> None:
        place = number * _SPREAD >> 32 & 0xFFFFFFFF
        if not text or place & self._mask:
            return
        encoded = text[:MAX_TEXT_BYTES].encode("utf-8", "surrogatepass")[:MAX_TEXT_BYTES]
        self._texts.append((place, encoded))
        self._size += len(encoded)
        while self._size > self._capacity:
            self._mask = 2 * self._mask + 1
            self._texts = [each for each in self._texts if not each[0] & self._mask]
            self._size = sum(len(text) for _, text in self._texts)

    @property
    def is_whole(self) -> bool:
        return self._mask == 0

    def texts(self) -> Iterator[str]:
        """In an order that has nothing to do with the lines'."""
        return (text.decode("utf-8", "replace") for _, text in sorted(self._texts))

    def compression_ratio(self) -> float | None:
        """Bytes over bytes after DEFLATE, whose window sees repetition among some tens of neighbours; None if empty."""
        whole = b"\n".join(text for _, text in self._texts)
        return len(whole) / len(zlib.compress(whole)) if whole else None
