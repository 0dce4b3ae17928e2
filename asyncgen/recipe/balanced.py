"""Draws that use every value equally often over any number of indices, and let the values of dimensions meet early.

Which values a run of indices receives follows in closed form from where it starts and ends, so a block is made without
those before it, and only the order inside a segment is free. It is spent on letting values of different dimensions
meet. Frozen as balanced/1: the order comes from a hash, not from a library's random numbers, and quotas are counted in
integers.
"""

import hashlib
import heapq
import struct
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice
from math import gcd, inf, lcm
from typing import Literal, NamedTuple, TypeAlias

from asyncgen.recipe.bindings import Bindings, Choice, Context
from asyncgen.recipe.recipe import Dimension

Numbers: TypeAlias = tuple[int, ...]  # of the values that a dimension gives
SAMPLING_VERSIONS: Mapping[Literal["balanced", "random"], str] = {
    "balanced": "balanced/1",
    "random": "random/1",
}
BLOCK_SIZE = 2048  # indices arranged together; part of what balanced/1 means
_FIRST_MEETING = 100  # a pair not yet met in the block outweighs any small difference between pairs that have
_CHOICES = 64  # values compared for one place: keeps a block's time in bounds when a dimension has thousands
_STEP = 64  # rows of a block dealt at a time
_FEW = 512  # values of which every one may have a counter of its own for every value of another dimension
_TOLERANCE = 2  # how far a weighted value may be from its share, in uses


class Balanced:
    """Deals all dimensions block by block, each one's values arranged to meet those of the dimensions before it.

    What is dealt in a context has a source of its own there, so its bounds hold among the indices of that context,
    however many. Where a source stands when a block begins is the number of indices before that have its context:
    a sum of uses of a parent's values in contexts of its own, and so on up to dimensions that have none.
    """

    def __init__(self, dimensions: Sequence[Dimension], seed: int | None, block_size: int) -> None:
        self._bindings = Bindings(dimensions)
        self._block_size = block_size
        self._picks = [each.pick for each in dimensions]
        self._by_weight = [each.by_weight is True for each in dimensions]
        self._keys = [f"{SAMPLING_VERSIONS['balanced']}:{seed}:{each.name}" for each in dimensions]
        self._singles: dict[tuple[int, Context], _Single] = {}
        self._several: dict[tuple[int, Context], _Pick | _Parts] = {}
        self._block = lru_cache(maxsize=2)(self._begin_block)

    def draw(self, index: int) -> tuple[Numbers, ...]:
        """A block is dealt as far as it is drawn from, so that nobody waits for a whole one."""
        number, position = divmod(index, self._block_size)
        block = self._block(number)
        while len(block.rows) <= position:
            block.rows.extend(next(block.following))
        return block.rows[position]

    def _single(self, place: int, context: Context) -> "_Single":
        source = self._singles.get((place, context))
        if source is None:
            source = _Single(self._bindings.choices(place, context), self._key(place, context))
            self._singles[place, context] = source
        return source

    def _key(self, place: int, context: Context) -> str:
        return "|".join([self._keys[place], *map(str, context)])

    def _begin_block(self, number: int) -> "_Block":
        return _Block([], self._deal_rows(number * self._block_size))

    def _deal_rows(self, start: int) -> Iterator[Iterable[tuple[Numbers, ...]]]:
        """The rows of a block, a few at a time, for which every dimension is asked in turn."""
        columns: list[Iterable[Numbers]] = [()] * len(self._keys)
        dealt: dict[int, list[int]] = {}  # the block so far, of dimensions that give one value
        sources: list[Iterator[Numbers]] = []
        for place in self._bindings.order:
            parents, earlier = self._bindings.parents[place], [*dealt.values()]
            if parents:
                sources.append(self._deal_bound(place, start, [dealt[each] for each in parents], earlier))
            else:
                sources.append(self._deal(place, (), start, self._block_size, earlier))
            if self._picks[place] is None:
                dealt[place] = []
        for _ in range(0, self._block_size, _STEP):
            for place, source in zip(self._bindings.order, sources, strict=True):
                column = columns[place] = list(islice(source, _STEP))
                if place in dealt:
                    dealt[place] += chain.from_iterable(column)
            yield zip(*columns, strict=True)

    def _deal_bound(
        self, place: int, start: int, decisive: Sequence[Sequence[int]], earlier: Sequence[Sequence[int]]
    ) -> Iterator[Numbers]:
        """What a dimension gives in the contexts that `decisive`, the values of its parents, make."""
        parents = self._bindings.parents[place]
        before, after = (self._count(parents, each) for each in (start, start + self._block_size))
        sources: dict[Context, tuple[list[list[int]], Iterator[Numbers]]] = {}
        classes = [
            map(self._bindings.classes[each].__getitem__, values)
            for each, values in zip(parents, decisive, strict=True)
        ]
        for context, *values in zip(zip(*classes, strict=True), *earlier, strict=True):
            if context not in sources:
                met = [list[int]() for _ in earlier]  # at the places of this context
                count = after[context] - before[context]
                sources[context] = met, self._deal(place, context, before[context], count, met)
            met, source = sources[context]
            for each, value in zip(met, values, strict=True):
                each.append(value)
            yield next(source)

    def _deal(
        self, place: int, context: Context, first: int, count: int, earlier: Sequence[Sequence[int]]
    ) -> Iterator[Numbers]:
        """What a source gives from its place `first` on.

        `earlier`: what other dimensions give to the same indices, each there by the time its own is asked for.
        """
        pick = self._picks[place]
        if pick is None:
            return self._single(place, context).draw(first, first + count, earlier)
        source = self._several.get((place, context))
        if source is None:
            kind = _Parts if self._by_weight[place] else _Pick
            source = kind(self._bindings.choices(place, context), pick, self._key(place, context))
            self._several[place, context] = source
        return source.draw(first, first + count)

    def _count(self, parents: Sequence[int], stop: int) -> Counter[Context]:
        """How many of the indices before `stop` have each context of these parents."""
        if not parents:
            return Counter({(): stop})
        *others, last = parents
        counts: Counter[Context] = Counter()
        classes = self._bindings.classes[last]
        for context, places in self._count(self._bindings.parents[last], stop).items():
            known = self._bindings.project(last, context, others)
            for value, uses in self._single(last, context).count_uses(places):
                counts[*known, classes[value]] += uses
        return counts


class _Block(NamedTuple):
    """`rows`: those dealt so far; `following`: the others, a few at a time."""

    rows: list[tuple[Numbers, ...]]
    following: Iterator[Iterable[tuple[Numbers, ...]]]


class _Single:
    """Gives one value; its groups are balanced as if they were one list."""

    def __init__(self, choices: Sequence[Choice], key: str) -> None:
        lists = [each.numbers for each in choices]
        self._size = max(map(max, lists)) + 1
        self._numbers = lists[0] if len(lists) == 1 else list(chain(*lists))
        self._supply = _supply([weight for each in choices for weight in weights_of(each)], key)

    def draw(self, start: int, stop: int, earlier: Sequence[Sequence[int]]) -> Iterator[Numbers]:
        segments = (list(map(self._numbers.__getitem__, each)) for each in self._supply.segments(start, stop))
        return zip(_arrange(segments, earlier, self._size), strict=True)

    def count_uses(self, places: int) -> Iterator[tuple[int, int]]:
        """How often each value is used in the first `places` places."""
        return zip(self._numbers, self._supply.count_uses(places), strict=True)


class _Pick:
    """Gives one value each of several groups.

    After every `_round` indices all groups have been used equally often, so a round is dealt without those before.
    """

    def __init__(self, choices: Sequence[Choice], pick: int, key: str) -> None:
        self._key = key
        self._count = len(choices)
        self._pick = min(pick, self._count)
        self._round = lcm(self._pick, self._count) // self._pick
        self._numbers = [each.numbers for each in choices]
        self._supplies = [_supply(weights_of(each), f"{key}:{each.group}") for each in choices]

    def draw(self, start: int, stop: int) -> Iterator[Numbers]:
        rounds, begun = divmod(start, self._round)
        chosen = list(chain.from_iterable(islice(self._choose(start - begun), stop - start + begun)))
        skipped = begun * self._pick
        before, uses = Counter(chosen[:skipped]), Counter(chosen[skipped:])
        following = []
        for group, supply in enumerate(self._supplies):
            first = rounds * self._round * self._pick // self._count + before[group]
            order = chain.from_iterable(supply.segments(first, first + uses[group]))
            following.append(map(self._numbers[group].__getitem__, order).__next__)
        values = (following[group]() for group in chosen[skipped:])
        return zip(*[values] * self._pick, strict=True)

    def _choose(self, start: int) -> Iterator[list[int]]:
        """The groups of each index from `start` on, where a round begins.

        Each cycle uses every group once. An index that takes the last groups of one cycle and the first of the
        next skips in the next those it already has.
        """
        cycle = start * self._pick // self._count
        left: list[int] = []
        while True:
            while len(left) >= self._pick:
                yield left[-self._pick :]
                del left[-self._pick :]
            last = set(left)
            order = _shuffle(self._count, f"{self._key}:groups:{cycle}")
            cycle += 1
            first = [group for group in order if group not in last][: self._pick - len(left)]
            yield left + first
            left = [group for group in order if group not in first]


class _Parts:
    """Gives one value each of several parts, whose groups weigh alike together, so that each value has its share.

    How many parts there are is how many values an index gets, so that no two of them are of one group.
    """

    def __init__(self, choices: Sequence[Choice], pick: int, key: str) -> None:
        self._parts = [_Single(part, f"{key}:part:{number}") for number, part in enumerate(share_out(choices, pick))]

    def draw(self, start: int, stop: int) -> Iterator[Numbers]:
        columns: list[list[int]] = [[] for _ in self._parts]
        draws = [part.draw(start, stop, columns[:number]) for number, part in enumerate(self._parts)]
        for _ in range(start, stop):
            for column, draw in zip(columns, draws, strict=True):
                column.extend(next(draw))
            yield tuple([column[-1] for column in columns])


def share_out(choices: Sequence[Choice], pick: int) -> list[list[Choice]]:
    """The groups in so many parts, the heaviest first, each given to the part that is the lightest so far."""
    parts: list[list[Choice]] = [[] for _ in range(min(pick, len(choices)))]
    weights = [Fraction(0)] * len(parts)
    for weight, place in sorted((-sum(map(Fraction, weights_of(each))), place) for place, each in enumerate(choices)):
        lightest = weights.index(min(weights))
        parts[lightest].append(choices[place])
        weights[lightest] -= weight
    return [sorted(each) for each in parts]


def weights_of(choice: Choice) -> Sequence[float]:
    return choice.weights or [1.0] * len(choice.numbers)


def _supply(weights: Sequence[float], key: str) -> "_Cycles | _Quotas":
    return _Cycles(len(weights), key) if len(set(weights)) == 1 else _Quotas(weights, key)


class _Cycles:
    """Values 0 … size - 1 without end, each once in every cycle."""

    def __init__(self, size: int, key: str) -> None:
        self._size = size
        self._key = key
        self._latest: tuple[int, Sequence[int]] = -1, ()

    def _order(self, cycle: int) -> Sequence[int]:
        """The latest one is kept, of a cycle that may be longer than many blocks."""
        if self._latest[0] != cycle:
            order = _shuffle(self._size, f"{self._key}:{cycle}")
            self._latest = cycle, order if self._size <= BLOCK_SIZE else array("L", order)
        return self._latest[1]

    def segments(self, start: int, stop: int) -> Iterator[list[int]]:
        """The values of these places; inside a segment any order keeps the balance."""
        for cycle in range(start // self._size, -(-stop // self._size)):
            first = cycle * self._size
            yield list(self._order(cycle)[max(start - first, 0) : stop - first])

    def count_uses(self, places: int) -> list[int]:
        """How often each value is used in the first `places` places."""
        cycles, begun = divmod(places, self._size)
        uses = [cycles] * self._size
        for value in self._order(cycles)[:begun] if begun else ():
            uses[value] += 1
        return uses


class _Quotas:
    """Values without end in proportion to their weights, none ever more than 2 uses away from its share.

    A Huffman tree divides any number of places in closed form: at each fork the left side gets its share, rounded.
    An error of up to 1/2 at a fork reaches a leaf scaled by the leaf's part of that side. Going up a Huffman tree
    the weights grow at least like the Fibonacci numbers, so a leaf's errors add up to less than 1.68.
    """

    def __init__(self, weights: Sequence[float], key: str) -> None:
        self._key = key
        fractions = [Fraction(weight) for weight in weights]
        scale = lcm(*[each.denominator for each in fractions])
        scaled = [int(each * scale) for each in fractions]
        self._weights = [each // gcd(*scaled) for each in scaled]  # whole, in exactly the proportion of those given
        self._total = sum(self._weights)
        ranks = _shuffle(len(weights), f"{key}:ranks")
        # Nodes of the tree: the number of a fork, or ~value. Among equal weights the lower rank is joined first.
        heap = [(each, ranks[value], ~value) for value, each in enumerate(self._weights)]
        heapq.heapify(heap)
        self._forks: list[_Fork] = []
        for rank in range(len(weights), 2 * len(weights) - 1):
            left_weight, _, left = heapq.heappop(heap)
            right_weight, _, right = heapq.heappop(heap)
            weight = left_weight + right_weight
            heapq.heappush(heap, (weight, rank, len(self._forks)))
            self._forks.append(_Fork(left, right, left_weight, weight))
        self._root = heap[0][2]
        self._run = lru_cache(maxsize=512)(self._find_run)  # after `total` places all is as at first

    def segments(self, start: int, stop: int) -> Iterator[list[int]]:
        """The values of these places; inside a segment any order keeps the balance."""
        while start < stop:
            run = self._run(start % self._total)[: stop - start]
            yield [run[position] for position in _shuffle(len(run), f"{self._key}:{start}")]
            start += len(run)

    def _find_run(self, start: int) -> list[int]:
        """The most values from `start` on that may be put in any order.

        A value gets furthest ahead of its share when all its places in the run come first, furthest behind when they
        come last. All is counted in units of 1 / total; `longest` is the run at which a value coming last would just
        not be too far behind.
        """
        uses = self.count_uses(start)
        bound = _TOLERANCE * self._total
        run: list[int] = []
        added: dict[int, int] = {}
        longest: dict[int, int] = {}
        least = BLOCK_SIZE  # of `longest`, or less: a value's own grows with each of its places
        for value in self._follow(start):
            weight = self._weights[value]
            ahead = uses[value] * self._total - start * weight
            added[value] = added.get(value, 0) + 1
            longest[value] = added[value] + (bound + ahead) // weight
            least = min(least, longest[value])
            if len(run) >= least:
                least = min(BLOCK_SIZE, *longest.values())
            if ahead + added[value] * (self._total - weight) > bound or len(run) >= least:
                break
            run.append(value)
        return run

    def _follow(self, start: int) -> Iterator[int]:
        """The value of each place from `start` on.

        A fork's left side has a place whenever its rounded share grows; what is left over from rounding is carried on.
        """
        forks = [(2 * each.left_weight, 2 * each.weight, each.left, each.right) for each in self._forks]
        rests = [0] * len(forks)
        for node, count in self._divide(start):
            if node >= 0:
                share, whole, _, _ = forks[node]
                rests[node] = (count * share + whole // 2) % whole
        while True:
            node = self._root
            while node >= 0:
                share, whole, left, right = forks[node]
                rest = rests[node] + share
                if rest < whole:
                    rests[node] = rest
                    node = right
                else:
                    rests[node] = rest - whole
                    node = left
            yield ~node

    def count_uses(self, places: int) -> list[int]:
        """How often each value is used in the first `places` places."""
        uses = [0] * len(self._weights)
        for node, count in self._divide(places):
            if node < 0:
                uses[~node] = count
        return uses

    def _divide(self, places: int) -> Iterator[tuple[int, int]]:
        """How many of the first `places` places each node of the tree has."""
        pending = [(self._root, places)]
        while pending:
            node, count = pending.pop()
            yield node, count
            if node >= 0:
                fork = self._forks[node]
                left = (2 * count * fork.left_weight + fork.weight) // (2 * fork.weight)
                pending += [(fork.left, left), (fork.right, count - left)]


class _Fork(NamedTuple):
    left: int
    right: int
    left_weight: int
    weight: int


def _arrange(segments: Iterable[list[int]], earlier: Sequence[Sequence[int]], size: int) -> Iterator[int]:
    """The segments in order, and inside each at every place the value that has met the earlier ones least.

    `earlier` holds the values other dimensions give to the same places, each there by the time its place is reached.
    All values are below `size`.
    """
    if not earlier:
        yield from chain.from_iterable(segments)
        return
    met = zip(*[_follow(values, size) for values in earlier], strict=True)
    for segment in segments:
        left = segment
        while left:
            counters = next(met)
            choices = left if len(left) <= _CHOICES else left[:_CHOICES]
            if len(counters) == 1:
                value = min(choices, key=counters[0].__getitem__)
            else:
                value, least = -1, inf
                for each in choices:
                    cost = 0
                    for counter in counters:
                        cost += counter[each]
                    if cost < least:
                        value, least = each, cost
            left.remove(value)
            for counter in counters:
                counter[value] += 1 if counter[value] else _FIRST_MEETING
            yield value


_Meetings: TypeAlias = "list[int] | defaultdict[int, int]"


def _follow(values: Iterable[int], size: int) -> Iterator[_Meetings]:
    """For each place the counter that belongs to its value."""

    def make() -> _Meetings:
        return [0] * size if size <= _FEW else defaultdict(int)

    counters: defaultdict[int, _Meetings] = defaultdict(make)
    return map(counters.__getitem__, values)


def _shuffle(size: int, key: str) -> list[int]:
    """0 … size - 1 in the order that belongs to `key`."""
    ranks = struct.unpack(f"<{size}Q", hashlib.shake_128(key.encode()).digest(8 * size))
    return sorted(range(size), key=ranks.__getitem__)
