"""The lines that a judge scores below what is asked of them."""

from collections.abc import Sequence

from asyncgen.data.dataset import Dataset
from asyncgen.did_you_mean import did_you_mean
from asyncgen.errors import ConfigError
from asyncgen.output.grades import names_below
from asyncgen.program import program
from asyncgen.recipe.judge import CLAIMS


class BelowScores:
    """`scores`: by question the least that is good enough. `unjudged`: lines that `find` could tell nothing of."""

    def __init__(self, dataset: Dataset, scores: Sequence[tuple[str, float]]) -> None:
        """Raises ConfigError for a question that no grade answers."""
        self._dataset = dataset
        self._scores = [*dict.fromkeys(scores)]
        self.unjudged = 0
        if not scores:
            return
        if not dataset.grades:
            raise ConfigError(f"--below: no grades at {dataset.grades.path}: {program()} judge makes them")
        known = [CLAIMS, *dict.fromkeys(name for grade in dataset.grades for name in grade.judgement.questions)]
        for name, _ in scores:
            if name not in known:
                raise ConfigError(
                    f"--below: no grade answers {name!r}; expected one of {', '.join(known)}{did_you_mean(name, known)}"
                )

    def find(self) -> dict[str, list[int]]:
        """The numbers of their lines, by what is told as the reason."""
        broken: dict[str, list[int]] = {f"{name} below {least:g}": [] for name, least in self._scores}
        for record in self._dataset.records():
            grade = self._dataset.grades.of(record.conversation)
            self.unjudged += grade is None
            for lines, score in zip(broken.values(), self._scores, strict=True):
                if grade is not None and names_below(grade, [score]):
                    lines.append(record.number)
        return broken
