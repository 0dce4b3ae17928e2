"""What is found and measured in a line by itself, which is most of the work of an audit, and may be done elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from asyncgen.audit.checks import line_checks
from asyncgen.audit.grounding.grounding import Grounding
from asyncgen.audit.measures.diversity import StockCheck, Wording, Wordings
from asyncgen.audit.measures.near_duplicates import Signature, sign
from asyncgen.audit.measures.telling import Statements
from asyncgen.audit.reading.words import WordNumbers
from asyncgen.audit.results import TopicGrounding
from asyncgen.audit.rules import AuditSettings, Finding
from asyncgen.audit.subject import Check, Subject
from asyncgen.data.dataset import Record
from asyncgen.recipe.recipe import Charset
from asyncgen.recipe.scenario import Drawn

Line: TypeAlias = tuple[Record, Mapping[str, Drawn] | None]


@dataclass(frozen=True, slots=True)
class LineSettings:
    """What lines are looked at by.

    `single`: dimensions that draw one value; `examples`: those that show some; `statements`: those that are to be told;
    `naming`: texts whose names are known.
    """

    charset: Charset
    system: str | None
    audit: AuditSettings
    single: Sequence[str]
    examples: Sequence[str]
    statements: Statements
    knowledge: str | None
    languages: Sequence[str]
    naming: Sequence[str]
    is_grounded: bool  # whether it is asked what the knowledge base holds


@dataclass(slots=True)
class Measured:
    """Of one line. `signatures`: the whole's and the answers', None where there are no words; `told`: statements."""

    signatures: tuple[Signature | None, Signature | None]
    wording: Wording
    told: Sequence[str]


@dataclass(slots=True)
class Seen:
    """Of some lines."""

    findings: list[Finding]
    unread: int
    measured: list[Measured]
    topics: dict[str, TopicGrounding]


class LineWork:
    """Looks at lines one by one. What it finds in one does not hang on others."""

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._words = WordNumbers()
        self._wordings = Wordings(settings.knowledge or "")
        self._grounding: Grounding | None = None
        self.checks: list[Check] = line_checks(
            settings.system,
            settings.audit.phrases,
            settings.single,
            settings.knowledge or "",
            settings.languages,
            examples=settings.examples,
        )
        if settings.knowledge is not None and settings.is_grounded:
            self._grounding = Grounding(settings.knowledge, naming=settings.naming)
            self.checks.append(self._grounding.check)

    def subject(self, record: Record, scenario: Mapping[str, Drawn] | None) -> Subject:
        return Subject(record, scenario, self._settings.charset)

    def find(self, subject: Subject) -> Iterator[Finding]:
        return chain.from_iterable(check(subject) for check in self.checks)

    def look(self, lines: Sequence[Line]) -> Seen:
        seen = Seen([], 0, [], {})
        for record, scenario in lines:
            subject = self.subject(record, scenario)
            seen.unread += not subject.is_readable
            seen.findings += self.find(subject)
            numbers = [self._words.number(each.words) for each in subject.plain]
            answers = [
                each for each, message in zip(numbers, record.conversation, strict=True) if message.role == "assistant"
            ]
            whole, said = (sign(list(chain.from_iterable(each))) for each in (numbers, answers))
            measured = Measured((whole, said), self._wordings.read(subject), self._settings.statements.told(subject))
            seen.measured.append(measured)
        if self._grounding is not None:
            seen.topics = self._grounding.take_topics()
        return seen


def make_look(settings: LineSettings) -> Callable[[Sequence[Line]], Seen]:
    return LineWork(settings).look


def make_stock_search(charset: Charset, stock: frozenset[bytes]) -> Callable[[Sequence[Line]], list[Finding]]:
    check = StockCheck(stock).check
    return lambda lines: [found for line in lines for found in check(Subject(*line, charset))]
