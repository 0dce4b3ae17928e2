"""What a check is shown: a line, its scenario, and what is read of it once for all checks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from asyncgen.audit.reading.language import find_languages
from asyncgen.audit.reading.phrases import PlainText
from asyncgen.audit.rules import Finding
from asyncgen.data.dataset import Record
from asyncgen.recipe.recipe import Charset
from asyncgen.recipe.scenario import Drawn

ENOUGH_WORDS = 20  # to tell that a text speaks no known language


@dataclass(frozen=True)
class Subject:
    """What a check may look at. `scenario` is None for a line that no run made."""

    record: Record
    scenario: Mapping[str, Drawn] | None
    charset: Charset

    @cached_property
    def plain(self) -> Sequence[PlainText]:
        """Each message, read once for all that ask."""
        return [PlainText(message.content) for message in self.record.conversation]

    @cached_property
    def languages(self) -> Sequence[str | None]:
        """The known language that each message speaks: where it tells too little, what the conversation speaks."""
        return find_languages([each.words for each in self.plain])

    @property
    def is_readable(self) -> bool:
        """Whether it speaks a language that the audit knows, or too little to tell."""
        return any(self.languages) or sum(len(each.words) for each in self.plain) < ENOUGH_WORDS


Check: TypeAlias = Callable[[Subject], Iterable[Finding]]
