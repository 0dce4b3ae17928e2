"""The conversations of a data set that are to be judged, and what a judge is shown of each.

The sample is drawn by the digests, which are as good as random: it is the same one tomorrow and however the lines lie,
and a larger one holds the smaller. Equal conversations are judged once. Held are a digest and a place of each.
"""

import heapq
from collections import Counter

from asyncgen.conversation import Conversation, digest_conversation
from asyncgen.data.dataset import Dataset
from asyncgen.errors import ConfigError
from asyncgen.output.grades import GRADE_HASH
from asyncgen.output.scan import read_line
from asyncgen.recipe.judge import tell_scenario


class Sample:
    """`keys`: the digests. Close it: the file is kept open, so that replacing it meanwhile does no harm.

    `repeats`: lines that repeat one of the sample.
    """

    def __init__(self, dataset: Dataset, size: int) -> None:
        """Raises ConfigError for a file that cannot be read."""
        self._dataset = dataset
        self._places: dict[bytes, tuple[int, int | None]] = {}  # offset and index
        chosen: list[int] = []  # a heap with the greatest digest on top
        repeated: Counter[bytes] = Counter()
        for record in dataset.records():
            digest = digest_conversation(record.conversation, GRADE_HASH)
            rank = -int.from_bytes(digest)
            if digest in self._places:
                repeated[digest] += 1
            if digest in self._places or (len(chosen) == size and rank < chosen[0]):
                continue
            self._places[digest] = record.offset, record.index
            if len(chosen) < size:
                heapq.heappush(chosen, rank)
            else:
                del self._places[(-heapq.heappushpop(chosen, rank)).to_bytes(len(digest))]
        self.keys = sorted(self._places)
        self.repeats = sum(count for digest, count in repeated.items() if digest in self._places)
        self._passages = {
            each.name for header in dataset.ledger.headers for each in header.dimensions if each.is_of_passages
        }
        self._file = dataset.open_lines()

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, key: bytes) -> tuple[Conversation, str]:
        """A conversation, and the scenario that it was written for, "" where that is not known.

        Raises ConfigError when the line is another one.
        """
        offset, index = self._places[key]
        conversation = read_line(self._dataset.read_line(self._file, offset))
        if conversation is None or digest_conversation(conversation, GRADE_HASH) != key:
            raise ConfigError(f"{self._dataset.paths.output}: changed while it was judged; the same line goes on")
        if index is None:
            return conversation, ""
        return conversation, tell_scenario(self._dataset.scenario(index), without=self._passages)
