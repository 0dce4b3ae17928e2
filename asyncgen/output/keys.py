"""What is to be made where it is not numbered by itself: which index stands for which key, the same in all runs.

A line that is to be judged may have moved, or be gone, when the next run begins; a batch that is out knows indices
alone. So an index, once given, is never given to anything else.
"""

from collections.abc import Sequence

from asyncgen.output.journal import DIGEST_SIZE, Assigned

_OF_AN_ENTRY = 1000  # keys


class Keys:
    """`wanted`: digests, each once, in the order in which they are made. `settle` gives each of them its index."""

    def __init__(self, wanted: Sequence[bytes]) -> None:
        self.wanted = wanted
        self._keys: dict[int, bytes] = {}  # by index
        self.new: Sequence[bytes] = ()
        self.num = 0  # indices that have ever been given

    def settle(self, assigned: bytes) -> None:
        """`assigned`: the keys of all indices so far, one behind the other."""
        count, wanted = len(assigned) // DIGEST_SIZE, frozenset(self.wanted)
        given = (assigned[place * DIGEST_SIZE : (place + 1) * DIGEST_SIZE] for place in range(count))
        self._keys = {index: key for index, key in enumerate(given) if key in wanted}
        known = frozenset(self._keys.values())
        self.new = [key for key in self.wanted if key not in known]
        self._keys.update(enumerate(self.new, count))
        self.num = count + len(self.new)

    @property
    def indices(self) -> Sequence[int]:
        """Of all that is wanted, in their order."""
        return tuple(self._keys)

    def __getitem__(self, index: int) -> bytes:
        return self._keys[index]

    def entries(self) -> list[Assigned]:
        """What a journal has to say before the new indices are used."""
        chunks = (self.new[place : place + _OF_AN_ENTRY] for place in range(0, len(self.new), _OF_AN_ENTRY))
        return [Assigned(keys=tuple(key.hex() for key in chunk)) for chunk in chunks]
