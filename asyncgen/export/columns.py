"""The flat columns of --metadata: the same keys in every row, each of one type, as typed readers want them.

`conversation_id` is the digest under which the journal knows the conversation, whatever became of its line. What is
not known of a line (one that no run made) is null.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncgen.data.dataset import Dataset, Record
from asyncgen.data.state import asked_model
from asyncgen.output.journal import Done, Header

ID, INDEX, MODEL = "conversation_id", "index", "model"
# What rows are made of, and columns in which some trainer looks for something of its own.
_TAKEN = frozenset(
    {
        *(ID, INDEX, MODEL, "messages", "conversations", "prompt", "completion", "text", "system", "tools", "images"),
        *("chat_template_kwargs", "chosen", "rejected", "label", "labels", "input_ids", "attention_mask", "weight"),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """`dimension`: whose values it holds, None for the other three. `is_list`: several values a row, for a `pick`."""

    name: str
    dimension: str | None = None
    is_list: bool = False


def name_columns(datasets: Sequence[Dataset]) -> list[Column]:
    """A column for each dimension of any run, the newest run's first; where its name is taken, as `scenario_NAME`."""
    dimensions: dict[str, bool] = {}
    for dataset in datasets:
        for header in reversed(dataset.ledger.headers):
            for each in header.dimensions:
                dimensions[each.name] = dimensions.get(each.name, False) or each.pick is not None
    columns = [Column(ID), Column(INDEX)]
    taken = _TAKEN | dimensions.keys()
    for dimension, is_list in dimensions.items():
        name = dimension
        while name in _TAKEN or (name != dimension and name in taken):
            name = f"scenario_{name}"
        columns.append(Column(name, dimension, is_list))
    return [*columns, Column(MODEL)]


class Metadata:
    """What the columns hold for the lines of a data set. Two bytes an index."""

    def __init__(self, dataset: Dataset, columns: Sequence[Column]) -> None:
        self._dataset = dataset
        self._columns = [each for each in columns if each.dimension is not None]
        self._models: dict[str | None, int] = {None: 0}
        self._first = dataset.ledger.first
        self._model_of = array("H")  # by index from the first one on
        asked: str | None = None
        for entry in dataset.calls():
            if isinstance(entry, Header):
                asked = asked_model(entry)
            elif isinstance(entry, Done):
                place = entry.index - self._first
                self._model_of.extend([0] * (place + 1 - len(self._model_of)))
                self._model_of[place] = self._models.setdefault(entry.model or asked, len(self._models))
        self._names = list(self._models)

    def of(self, record: Record, digest: bytes) -> Mapping[str, object]:
        index = record.index
        scenario = {} if index is None else self._dataset.scenario(index)
        values: dict[str, object] = {ID: digest.hex(), INDEX: index}
        for each in self._columns:
            drawn = [value for _, value in scenario.get(each.dimension or "", ())]
            values[each.name] = drawn if each.is_list else drawn[0] if drawn else None
        place = None if index is None else index - self._first
        known = place is not None and place < len(self._model_of)
        values[MODEL] = self._names[self._model_of[place]] if place is not None and known else None
        return values
