"""What a judge has said of the conversations that are shown, and what a person answers to the same questions."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from asyncgen.audit.judged import complaints
from asyncgen.conversation import Conversation, digest_conversation
from asyncgen.data.grades import Grades
from asyncgen.data.labels import append_label, labels_path, read_labels
from asyncgen.errors import ConfigError
from asyncgen.output.grades import GRADE_HASH, Grade, grades_paths
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.judge import asked_questions
from asyncgen.recipe.load import load_recipe
from asyncgen.stamp import Stamp, read_stamp
from asyncgen.text import one_line

T = TypeVar("T")


class Labelling:
    """Read anew when the files have changed. `problem`: why one of them cannot be read, which hides what it holds.

    `asked`: the judge's questions by name; none without grades, or where their recipe is not at hand.
    """

    def __init__(self, paths: OutputPaths) -> None:
        self._paths = paths
        self._seen: tuple[Stamp | None, ...] = ()
        self._grades: Grades | None = None
        self._labels: dict[bytes, dict[str, bool]] = {}
        self.problem: str | None = None
        self.asked: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Whether there are any grades."""
        self._look()
        return bool(self._grades)

    def grade_of(self, conversation: Conversation) -> Grade | None:
        self._look()
        return None if self._grades is None else self._try(lambda grades: grades.of(conversation), self._grades)

    def _look(self) -> None:
        seen = tuple(map(read_stamp, (grades_paths(self._paths).output, labels_path(self._paths))))
        if seen != self._seen:
            self._seen, self.problem = seen, None
            self._grades = self._try(Grades, self._paths)
            self._labels = self._try(read_labels, self._paths) or {}
            self.asked = {}
            if self._grades is not None and self._grades.recipe is not None:
                with suppress(ConfigError):
                    self.asked = asked_questions(load_recipe(self._grades.recipe).judge)

    def evidence_of(self, conversation: Conversation) -> list[str]:
        """What is said against it."""
        grade = self.grade_of(conversation)
        return [] if grade is None else [one_line(f"{name}: {said}") for name, said in complaints(*grade.judgements)]

    def answers_of(self, conversation: Conversation) -> dict[str, bool | None]:
        """By question what a person says; None where nothing yet. No question where it was not judged."""
        grade = self.grade_of(conversation)
        answered = self._labels.get(digest_conversation(conversation, GRADE_HASH), {})
        return {} if grade is None else {name: answered.get(name) for name in grade.judgement.questions}

    def label(self, conversation: Conversation, question: str, *, holds: bool) -> None:
        """Nothing happens for a question that the judge was not asked. Raises OutputError."""
        if question in self.answers_of(conversation):
            append_label(self._paths, digest_conversation(conversation, GRADE_HASH), question, holds=holds)

    def _try(self, read: Callable[..., T], source: object) -> T | None:
        try:
            return read(source)
        except ConfigError as error:
            self.problem = str(error)
            return None
