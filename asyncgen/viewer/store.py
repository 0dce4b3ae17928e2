"""What is known of every line, in a temporary database: where it stands, who made it, what it was drawn for.

Some fifty bytes a line. SQLite holds a few megabytes of them in memory and the rest in a file without a name, which
goes with the process. No text of a conversation is in it: that stays in the output. What comes from outside is a
parameter of a statement, never part of one.
"""

import sqlite3
from array import array
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Literal

import msgspec

from asyncgen.audit.results import Audit
from asyncgen.data.follow import Call, Made, Piece
from asyncgen.data.scenarios import Plans
from asyncgen.errors import ConfigError

# A slot's column holds the number that a value has in its dimension; there is one more for each slot of the plans.
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -2048;
CREATE TABLE lines (
    line INTEGER PRIMARY KEY, start INTEGER, size INTEGER, digest BLOB, dropped INTEGER, "index" INTEGER, call INTEGER
);
CREATE TABLE findings (rule TEXT, line INTEGER, repeats INTEGER, PRIMARY KEY (rule, line)) WITHOUT ROWID;
CREATE INDEX findings_by_line ON findings (line);
"""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a line must fulfil, all of it.

    `where`: by dimension [group] or [group, value]. `finding`: "any", "none", or a rule. `lines`: one of these numbers.
    `judge`: read by one; only who reads a line too can tell, by Selections.
    """

    where: dict[str, list[str]] = {}
    model: str | None = None
    finding: str | None = None
    mark: Literal["dropped", "kept"] | None = None
    judge: Literal["judged"] | None = None
    lines: list[int] = []


class Known(msgspec.Struct, frozen=True):
    """`line`: its number. `digest`: None of what is no conversation. `index`, `call`: None where they are not known."""

    line: int
    start: int
    size: int
    digest: bytes | None
    is_dropped: bool
    index: int | None
    call: Call | None


class Store:
    """The lines of one output. `dropped`: how many are marked so. Whatever SQLite refuses is a ConfigError."""

    def __init__(self, plans: Plans) -> None:
        self.dropped = 0
        self._audited = 0
        self._plans = plans
        self._slots = self._indexed = 0
        self._calls: list[Call] = []
        self._call_numbers: dict[Call, int] = {}
        with _translated():
            self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # one at a time
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    # ---- what comes in

    def add(self, piece: Piece, dropped: Collection[bytes]) -> None:
        """`dropped`: the digests of conversations that are marked."""
        rows = [
            (
                *(line.number, line.start, line.size, line.digest),
                None if line.digest is None else line.digest in dropped,
                *self._describe(line.made),
            )
            for line in piece.lines
        ]
        with self._changing() as database:
            for slot in range(self._slots, self._plans.slots):
                database.execute(f"ALTER TABLE lines ADD COLUMN slot_{slot} INTEGER")
            self._slots = self._plans.slots
            marks = ", ".join("?" * (7 + self._slots))
            database.executemany(f"INSERT INTO lines VALUES ({marks})", rows)  # noqa: S608 - question marks
            settled = ", ".join(['"index" = ?', "call = ?", *[f"slot_{slot} = ?" for slot in range(self._slots)]])
            database.executemany(
                f"UPDATE lines SET {settled} WHERE line = ?",  # noqa: S608 - names of columns
                [(*self._describe(made), line) for line, made in piece.late],
            )
        self.dropped += sum(line.digest in dropped for line in piece.lines)

    def _describe(self, made: Made | None) -> list[int | None]:
        """The columns from `index` on."""
        if made is None or made.call is None or made.index is None:
            return [None] * (2 + self._plans.slots)
        call = self._call_numbers.setdefault(made.call, len(self._calls))
        if call == len(self._calls):
            self._calls.append(made.call)
        drawn = [] if made.call.plan is None else made.call.plan.numbers(made.index)
        return [made.index, call, *drawn, *[None] * (self._plans.slots - len(drawn))]

    def mark(self, digests: Iterable[bytes], *, is_dropped: bool) -> None:
        """Mark all lines that hold one of these conversations, or take the mark away."""
        with self._changing() as database:
            database.execute("CREATE INDEX IF NOT EXISTS lines_by_digest ON lines (digest)")  # dear, and few mark
            changed = database.executemany(
                "UPDATE lines SET dropped = :to WHERE digest = :digest AND dropped <> :to",
                [{"to": is_dropped, "digest": digest} for digest in digests],
            )
            self.dropped += changed.rowcount if is_dropped else -changed.rowcount

    def take_findings(self, audit: Audit) -> None:
        """In place of those there were. What cannot be the number of a line is left out."""
        lines = range(1, audit.lines + 1)
        with self._changing() as database:
            database.execute("DELETE FROM findings")
            for name, rule in audit.rules.items():
                found = zip_longest(rule.lines, rule.like, fillvalue=0)
                database.executemany(
                    "INSERT OR IGNORE INTO findings VALUES (?, ?, ?)",
                    ((name, line, like if like in lines else None) for line, like in found if line in lines),
                )
        self._audited = audit.lines

    def add_index(self) -> bool:
        """Make a choice by a dimension quick; False when it is. Dear, so it waits until the lines are there."""
        if self._indexed == self._slots:
            return False
        with self._changing() as database:
            database.execute(f"CREATE INDEX lines_by_slot_{self._indexed} ON lines (slot_{self._indexed})")
        self._indexed += 1
        return True

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with _translated():
            self._database.execute("BEGIN")
            yield self._database
            self._database.execute("COMMIT")

    # ---- what is asked

    def get(self, line: int) -> Known:
        with _translated():
            line, start, size, digest, dropped, index, call = self._database.execute(
                'SELECT line, start, size, digest, dropped, "index", call FROM lines WHERE line = ?', (line,)
            ).fetchone()
        return Known(line, start, size, digest, bool(dropped), index, None if call is None else self._calls[call])

    def find(self, choice: Choice, lines: range) -> "array[int]":
        """Those of the lines that fit, in order."""
        where, values = self._where(choice, lines)
        with _translated():
            found = self._database.execute(f"SELECT line FROM lines WHERE {where} ORDER BY line", values)  # noqa: S608
            return array("I", [line for (line,) in found])

    def find_places(self, choice: Choice, lines: range) -> Iterator[tuple[int, int, int]]:
        """Line, start and size of those that fit, in order."""
        where, values = self._where(choice, lines)
        with _translated():
            yield from self._database.execute(
                f"SELECT line, start, size FROM lines WHERE {where} ORDER BY line",  # noqa: S608
                values,
            )

    def _where(self, choice: Choice, lines: range) -> tuple[str, dict[str, object]]:
        """A condition, and the values of its parameters."""
        conditions = ["line BETWEEN :first AND :last"]
        values: dict[str, object] = {"first": lines.start, "last": lines.stop - 1}
        if choice.lines or choice.finding == "none":  # nothing else is known of a line that is no conversation
            conditions.append("digest IS NOT NULL")
        if choice.lines:
            conditions.append(_is_among("line", "lines"))
            values["lines"] = _list([line for line in choice.lines if line in range(2**63)])
        if choice.mark is not None:
            conditions.append("dropped = :dropped")
            values["dropped"] = choice.mark == "dropped"
        if choice.model is not None:
            conditions.append(_is_among("call", "calls"))
            values["calls"] = _list([number for number, call in enumerate(self._calls) if call.model == choice.model])
        for place, (name, wanted) in enumerate(choice.where.items()):
            dimension = self._plans.dimensions.get(name)
            slots = [] if dimension is None else [slot for slot in dimension.slots if slot < self._slots]
            listed = [] if dimension is None else dimension.listed
            conditions.append(f"({' OR '.join(_is_among(f'slot_{slot}', f'drawn_{place}') for slot in slots) or 0})")
            values[f"drawn_{place}"] = _list(
                [number for number, value in enumerate(listed) if [*value][: len(wanted)] == wanted]
            )
        if choice.finding == "none":
            conditions.append(
                "line <= :audited AND NOT EXISTS (SELECT 1 FROM findings WHERE findings.line = lines.line)"
            )
            values["audited"] = self._audited
        elif choice.finding == "any":
            conditions.append("line IN (SELECT line FROM findings)")
        elif choice.finding is not None:
            conditions.append("line IN (SELECT line FROM findings WHERE rule = :rule)")
            values["rule"] = choice.finding
        return " AND ".join(conditions), values

    def findings_of(self, line: int) -> dict[str, int | None]:
        """By rule the earlier line that this one repeats, None for a rule that is about single lines."""
        with _translated():
            return dict(self._database.execute("SELECT rule, repeats FROM findings WHERE line = ?", (line,)))

    def models(self) -> list[str]:
        return sorted({call.model for call in self._calls if call.model is not None})


def _is_among(column: str, parameter: str) -> str:
    return f"{column} IN (SELECT value FROM json_each(:{parameter}))"  # noqa: S608 - names made here


def _list(numbers: list[int]) -> str:
    return msgspec.json.encode(numbers).decode()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ConfigError(f"a temporary database cannot be kept ({error}); TMPDIR names a folder for it") from error
