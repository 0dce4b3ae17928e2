"""Which of the batches that an endpoint lists is the one whose making nobody has confirmed; pure.

Where the endpoint keeps a label, or says which file a batch is of, there is proof. Elsewhere one is known by its model,
its size and its time; then it is only believed when it is the only one.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from asyncgen.endpoint.batch import Batch


@dataclass(frozen=True, slots=True)
class Sought:
    """`since`: the moment before which it was not made, as the endpoint's clock may tell it."""

    label: str
    file: str | None
    lines: int
    model: str
    since: float


@dataclass(slots=True)
class Found:
    """What a list has shown.

    `proved`: all that were made of the call, more than one where something on the way repeats calls. `alike`: those
    that may be the one.
    """

    sought: Sought
    known: Collection[str | None]
    proved: list[Batch] = field(default_factory=list)
    alike: list[Batch] = field(default_factory=list)

    def add(self, told: Batch) -> None:
        """Of batches that are `known` by their ids none is the one."""
        sought = self.sought
        if told.id in self.known:
            return
        if told.label == sought.label or (sought.file is not None and told.file_id == sought.file):
            self.proved.append(told)
        elif told.label is None and told.file_id is None and self._is_alike(told):
            self.alike.append(told)

    def _is_alike(self, told: Batch) -> bool:
        """Of one that has just been made, the size may not be counted to its end."""
        model, lines = self.sought.model, self.sought.lines
        may_grow = not told.is_over and (told.total or 0) < lines
        return (
            (told.total == lines or told.total is None or may_grow)
            and told.model in (None, model, model.partition(":")[0], f"{model}:batch")
            and (told.created_at is None or told.created_at >= self.sought.since)
        )

    @property
    def is_clear(self) -> bool:
        """Whether the only one that may be it has its size."""
        return len(self.alike) == 1 and self.alike[0].total == self.sought.lines
