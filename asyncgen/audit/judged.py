"""What a judge has said of the conversations: as findings of their lines, and in sum."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from asyncgen.audit.results import JudgedResult
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.data.grades import Grades
from asyncgen.output.grades import SUPPORTED, Grade, Judgement
from asyncgen.recipe.judge import CLAIMS

if TYPE_CHECKING:  # who reads what was judged reads no languages
    from asyncgen.audit.subject import Subject

RULE = "judged"


class Judged:
    """Feed it the lines; those that were judged count."""

    def __init__(self, grades: Grades) -> None:
        self._grades = grades
        self._judges: Counter[str] = Counter()
        self._claims: Counter[str] = Counter()
        self._scores: Mapping[str, list[float]] = defaultdict(lambda: [0, 0.0])

    def add(self, subject: "Subject") -> None:
        if (grade := self._grades.of(subject.record.conversation)) is not None:
            self._count(grade)

    def _count(self, grade: Grade) -> None:
        self._judges[grade.model] += 1
        self._claims.update(each.verdict for each in grade.judgement.claims)
        for name in grade.judgement.questions:
            self._scores[name][0] += 1
            self._scores[name][1] += grade.score(name) or 0.0

    def check(self, subject: "Subject") -> Iterator[Finding]:
        """Every "no", and every claim that the knowledge base does not support."""
        conversation = subject.record.conversation
        if (grade := self._grades.of(conversation)) is None:
            return
        for name, evidence in complaints(*grade.judgements):
            places = (place for place, each in enumerate(conversation) if evidence and evidence in each.content)
            yield Finding(RULE, subject.record.number, next(places, None), excerpt(f"{name}: {evidence}"))

    @property
    def conversations(self) -> int:
        """How many were judged."""
        return self._judges.total()

    def of_all(self) -> JudgedResult | None:
        """What is told of every grade that there is, instead of those of the lines that were fed."""
        for grade in self._grades:
            self._count(grade)
        return self.result()

    def result(self) -> JudgedResult | None:
        if not self._judges:
            return None
        return JudgedResult(
            conversations=self.conversations,
            judges=[model for model, _ in self._judges.most_common()],
            by_engine=self._grades.by_engine,
            claims=dict(self._claims.most_common()),
            questions={name: score / asked for name, (asked, score) in self._scores.items()},
        )


def complaints(*judgements: Judgement) -> Iterator[tuple[str, str]]:
    """A name, and what is said with it, once each."""
    told: dict[tuple[str, str], None] = {}
    for judgement in judgements:
        for name, answer in judgement.questions.items():
            if not answer.holds:
                told[name, answer.evidence] = None
        for claim in judgement.claims:
            if claim.verdict != SUPPORTED:
                known = f" (known is: {claim.sentence})" if claim.sentence else ""
                told[f"{CLAIMS}, {claim.verdict}", f"{claim.text}{known}"] = None
    yield from told
