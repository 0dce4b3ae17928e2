"""An output as a data set: its lines one by one, each with its index and the scenario it was written for.

Lines carry no index, so they are paired with the journal by digest, once, when the data set is opened. What is read is
what stood there at that moment: a run may go on writing meanwhile. Nothing is kept of a line but where it belongs and
a hash, so a million of them take some tens of megabytes. Whoever comes back to a line by its number is told when it is
another one: numbers and offsets mean nothing in a file that was replaced.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from asyncgen.conversation import Conversation, digest_conversation
from asyncgen.data.grades import Grades
from asyncgen.data.scenarios import Plans
from asyncgen.data.state import describe_filter
from asyncgen.errors import ConfigError
from asyncgen.output.journal import Done, Entry, Failed, Header, Lost, Unused, decode_entry
from asyncgen.output.ledger import DamagedJournalError, Ledger, read_journal
from asyncgen.output.match import Lines, Pair, fold_pairs, pair_lines
from asyncgen.output.paths import OutputPaths
from asyncgen.output.scan import read_line
from asyncgen.recipe.load import load_recipe, read_knowledge
from asyncgen.recipe.recipe import KNOWLEDGE, Charset, Recipe, digest_part
from asyncgen.recipe.scenario import Drawn

NO_JOURNAL = "no journal beside it: no line has an index, and scenarios, calls and coverage are unknown"


@dataclass(frozen=True, slots=True)
class Record:
    """A line. `number`: counted from 1. `offset`: the byte where it begins. `index`: None when no run made the line."""

    number: int
    offset: int
    conversation: Conversation
    index: int | None


class Dataset:
    """An output opened for reading; `open` makes one.

    `ledger` and `lines`: what journal and output hold, as `status` has it. `header`: the newest run's, None without a
    journal. `recipe` and `knowledge`: None when they are not at hand as they were; `notes` say why. `size`: bytes
    looked at. `damaged`: numbers of lines that are no conversation, `unfinished`: that of a last line without its end.
    """

    def __init__(self, paths: OutputPaths, size: int, ledger: Ledger, sources: "Sources") -> None:
        self.paths = paths
        self.size = size
        self.ledger = ledger
        self.header: Header | None = ledger.headers[-1] if ledger.headers else None
        self.recipe = sources.recipe
        self.knowledge = sources.knowledge
        plans = Plans(paths.journal)
        self._plans = [plans.of(header) for header in ledger.headers]
        self._runs = self._number_runs() if len(set(self._plans)) > 1 else array("i")
        self._indices = array("i")  # by line; -1: none
        self._hashes = array("q")  # by line, of its bytes
        self.damaged: list[int] = []
        self.unfinished: int | None = None
        self.lines, digests = Lines(ledger.first), self._digests()
        if self.header is not None:
            self.lines = fold_pairs(self._note_indices(pair_lines(ledger, digests)), ledger)
            if moved := self.lines.moved:
                self._indices = array("i", (moved.get(index, index) for index in self._indices))
        # Without a journal only to be counted: held as unknown they would take hundreds of bytes each.
        for _ in digests:
            pass
        self.notes = (*sources.notes, *self._describe_lines())

    @classmethod
    def open(cls, output: Path, *, recipe: str | None = None, knowledge: Path | None = None) -> "Dataset":
        """`recipe` and `knowledge` replace what the journal names. Raises ConfigError for what cannot be read."""
        paths = OutputPaths.of(output)
        try:
            # The size before the journal: lines are journalled before they are written, so none of these is unknown.
            size = paths.output.stat().st_size
            if not paths.output.is_file():
                raise ConfigError(f"{paths.output} is no ordinary file")
            ledger = read_journal(paths.journal).ledger if paths.journal.is_file() else Ledger()
            sources = _find_sources(ledger.headers, recipe, knowledge)
            dataset = cls(paths, size, ledger, sources)
        except DamagedJournalError as error:
            raise ConfigError(f"{error}, or move it away: the conversations can be read without it") from error
        except FileNotFoundError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}; name an output that generate has made") from error
        except OSError as error:
            raise ConfigError(f"{error.filename or paths.output}: {error.strerror}") from error
        if dataset.header is None and (dataset.damaged or dataset.unfinished) and len(dataset) == len(dataset.damaged):
            raise ConfigError(f"{paths.output} holds no conversation and has no journal: name an output of generate")
        return dataset

    @cached_property
    def grades(self) -> Grades:
        """What a judge has said of its conversations, as far as one was asked. Raises ConfigError."""
        return Grades(self.paths)

    @property
    def charset(self) -> Charset:
        return "any" if self.recipe is None else self.recipe.rules.charset

    def __len__(self) -> int:
        """How many whole lines there are, those that are no conversation included."""
        return len(self._indices)

    def index_of(self, number: int) -> int | None:
        """The index of the line of that number, None when no run made it."""
        return None if (index := self._indices[number - 1]) < 0 else index

    def records(self) -> Iterator[Record]:
        """The lines in their order, without what is no conversation: a blank line, or a last one being written."""
        lines = iter(self._numbered_lines())
        for index in self._indices:
            number, offset, line = next(lines, (len(self), self.size, b""))
            self.check_line(number, line)
            if (conversation := read_line(line)) is not None:
                yield Record(number, offset, conversation, None if index < 0 else index)

    def read(self, offset: int) -> Conversation:
        """The conversation of the line that begins there. Raises ConfigError when the file has changed."""
        with self.open_lines() as file:
            if (conversation := read_line(self.read_line(file, offset))) is None:
                raise self._changed(f"byte {offset}")
        return conversation

    def open_lines(self) -> BinaryIO:
        """The file, for `read_line`. Raises ConfigError when it is gone."""
        try:
            return self.paths.output.open("rb")
        except OSError as error:
            raise ConfigError(f"{self.paths.output}: {error.strerror}") from error

    def read_line(self, file: BinaryIO, offset: int) -> bytes:
        """The bytes of the line that begins there, as far as they had been written when the data set was opened."""
        file.seek(offset)
        return file.readline(self.size - offset)

    def check_line(self, number: int, line: bytes) -> None:
        """Raises ConfigError when these bytes are not those that the line had when the data set was opened."""
        if hash(line) != self._hashes[number - 1]:
            raise self._changed(f"line {number:,}")

    def _changed(self, where: str) -> ConfigError:
        return ConfigError(
            f"{self.paths.output}: changed while it was read ({where}); nothing is believed, begin again"
        )

    def scenario(self, index: int) -> dict[str, Drawn]:
        """By the settings of the run that made the index, or else of the newest one."""
        place = index - self.ledger.first
        run = self._runs[place] if place < len(self._runs) else -1
        return self._plans[run].scenario(index)

    def digest_of(self, conversation: Conversation) -> bytes:
        """As the journal has it."""
        return digest_conversation(conversation, self.ledger.line_hash)

    def calls(self) -> Iterator[Entry]:
        """Headers and calls (done, unused, failed, lost) in the journal's order, read anew from the file."""
        for entry in read_entries(self.paths.journal):
            if isinstance(entry, Header | Done | Unused | Failed | Lost):
                yield entry

    def _number_runs(self) -> "array[int]":
        """For each index from the first one on the run that made it last, -1 for none."""
        runs = array("i")
        # An index beyond those of any run is damage, and would take any room.
        indices = max((each.indices for each in self.ledger.headers), key=len)
        run = -1
        for entry in read_entries(self.paths.journal):
            if isinstance(entry, Header):
                run += 1
            if run == len(self._plans):
                break  # a run that began after the journal was folded
            if isinstance(entry, Done) and entry.index in indices:
                place = entry.index - indices.start
                runs.extend([-1] * (place + 1 - len(runs)))
                runs[place] = run
        return runs

    def _numbered_lines(self) -> Iterator[tuple[int, int, bytes]]:
        """(number, offset, line) of what stood there when the data set was opened."""
        offset = 0
        with self.open_lines() as file:
            for number, line in enumerate(file, 1):
                if offset == self.size:
                    break
                yield number, offset, line[: self.size - offset]
                offset = min(offset + len(line), self.size)

    def _digests(self) -> Iterator[tuple[int, bytes]]:
        for number, _, line in self._numbered_lines():
            conversation = read_line(line)
            if conversation is None and not line.endswith(b"\n"):
                self.unfinished = number  # being written, or torn
                return
            self._indices.append(-1)
            self._hashes.append(hash(line))
            if conversation is not None:
                yield number, self.digest_of(conversation)
            elif line.strip():
                self.damaged.append(number)

    def _note_indices(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        for entry, line in pairs:
            if entry is not None and line is not None and entry[0] is not None:
                self._indices[line[0] - 1] = entry[0]
            yield entry, line

    def _describe_lines(self) -> Iterator[str]:
        for each in () if self.header is None else self.header.filtered:
            yield f"filtered {describe_filter(each)}"
        if damaged := self.damaged:
            yield f"lines that are no conversation and are left out: {len(damaged):,}, the first is line {damaged[0]}"
        if unknown := self.lines.unknown:
            yield f"lines that the journal does not know: {len(unknown):,}, the first is line {unknown[0][0]}"


def read_entries(journal: Path) -> Iterator[Entry]:
    """The whole entries of a journal that may be growing; none of one that is not there."""
    if not journal.is_file():
        return
    with journal.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return  # still being written: what is read next would be the rest of this line
            with suppress(ValueError):  # behind the newest mark a line may be torn
                yield decode_entry(line)


# ---- recipe and knowledge base


@dataclass(frozen=True, slots=True)
class Sources:
    """What the data was made from, as far as it is at hand; `notes` say what is not, and why."""

    recipe: Recipe | None = None
    knowledge: str | None = None
    notes: tuple[str, ...] = ()


def _find_sources(headers: Sequence[Header], source: str | None, knowledge: Path | None) -> Sources:
    """What the user names is taken as it is, what the journal names only while its digests are the journal's."""
    if not headers:
        recipe = None if source is None else load_recipe(source, knowledge=knowledge)
        return Sources(recipe, _choose_knowledge(recipe, knowledge), (NO_JOURNAL,))
    header = headers[-1]
    notes: list[str] = []
    try:
        recipe = load_recipe(source or header.recipe, knowledge=knowledge, variables=header.variables)
    except ConfigError as error:
        if source is not None:
            raise
        recipe = None
        notes.append(f"the recipe is not at hand ({error}); --recipe names it")
    text = _choose_knowledge(recipe, knowledge)
    if recipe is not None:
        now, then = recipe.digests(), header.digests
        parts = [name for name in {**then, **now} if name != KNOWLEDGE]  # it may be known where the recipe is not
        if changed := [name for name in parts if now.get(name) != then.get(name)]:
            notes.append(f"recipe {recipe.source}: {', '.join(changed)} differ from the newest run's")
            if source is None:
                recipe = None
                notes[-1] += ", so it is not used; --recipe names another, or insists on it"
    if text is not None and digest_part(text) != header.digests.get(KNOWLEDGE):
        notes.append("the knowledge base differs from the newest run's")
        if source is None and knowledge is None:
            text = None
            notes[-1] += ", so it is not used; --knowledge names another, or insists on it"
    if any(each.digests != header.digests for each in headers):
        notes.append("earlier runs had another recipe or knowledge base; all lines are held against the newest run's")
    return Sources(recipe, text, tuple(notes))


def _choose_knowledge(recipe: Recipe | None, knowledge: Path | None) -> str | None:
    if recipe is not None:
        return recipe.knowledge
    return None if knowledge is None else read_knowledge(knowledge)
